"use strict";
(() => {
  const tip = document.getElementById("tip");
  const show = (text, x, y) => {
    tip.textContent = text;
    tip.hidden = false;
    const left = Math.min(x + 14, window.innerWidth - tip.offsetWidth - 8);
    const top = y + 14 + tip.offsetHeight > window.innerHeight ? y - tip.offsetHeight - 10 : y + 14;
    tip.style.left = `${Math.max(left, 4)}px`;
    tip.style.top = `${Math.max(top, 4)}px`;
  };
  const hide = () => { tip.hidden = true; };

  for (const chart of document.querySelectorAll("svg.chart[data-readings]")) {
    const readings = JSON.parse(chart.dataset.readings);
    const cursor = chart.querySelector(".cursor");
    chart.addEventListener("pointermove", (event) => {
      const mark = event.target.closest(".mark");
      const box = chart.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * chart.viewBox.baseVal.width;
      let nearest = readings[0];
      for (const reading of readings) if (Math.abs(reading[0] - x) < Math.abs(nearest[0] - x)) nearest = reading;
      cursor.setAttribute("x1", nearest[0]);
      cursor.setAttribute("x2", nearest[0]);
      show(mark ? mark.textContent : nearest[1], event.clientX, event.clientY);
    });
    chart.addEventListener("pointerleave", () => {
      cursor.setAttribute("x1", -9);
      cursor.setAttribute("x2", -9);
      hide();
    });
  }

  const key = (row, column) => {
    const cell = row.cells[column];
    const sort = cell.dataset.sort;
    if (sort !== undefined) return Number(sort);
    const text = cell.textContent.trim();
    const number = Number(text.replaceAll(",", ""));
    return text !== "" && !Number.isNaN(number) ? number : text === "–" ? null : text.toLowerCase();
  };
  // On a phone a row is a card, and each cell says its column. A heading over several rows leaves the rows after it a cell short.
  for (const table of document.querySelectorAll("table")) {
    const heads = [...table.tHead.rows[0].cells].map((head) => head.textContent.trim());
    for (const body of table.tBodies) for (const row of body.rows) {
      const missing = heads.length - row.cells.length;
      [...row.cells].forEach((cell, column) => { cell.dataset.label = heads[column + missing]; });
    }
  }
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      head.tabIndex = 0;
      head.setAttribute("aria-sort", "none");
      const sort = () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row, index) => [key(row, column), index, row]);
        rows.sort(([a, i], [b, j]) => {
          if (a === b) return i - j;
          if (a === null) return 1;
          if (b === null) return -1;
          const order = typeof a === typeof b ? (a < b ? -1 : 1) : typeof a === "number" ? -1 : 1;
          return down ? -order : order;
        });
        for (const [, , row] of rows) body.append(row);
      };
      head.addEventListener("click", sort);
      head.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); }
      });
    });
  }
})();
