(() => {
  const form = document.getElementById("choose");
  const rows = [...document.querySelectorAll("#now tbody tr")];
  const put = (id, text) => { document.getElementById(id).textContent = text; };
  const sum = (name) => rows.reduce((total, row) => total + (row.hidden ? 0 : Number(row.dataset[name])), 0);
  const choose = () => {
    const { range, host, environment } = Object.fromEntries(new FormData(form));
    for (const part of document.querySelectorAll("[data-range]")) part.hidden = part.dataset.range !== range;
    for (const part of document.querySelectorAll("[data-host]")) {
      const other = (host && part.dataset.host !== host) || (environment && part.dataset.environment !== environment);
      part.hidden = Boolean(other) || Number(part.dataset.ago ?? 0) > Number(range);
    }
    const observed = sum("observed");
    const rate = (100 * sum("anomalous")) / observed;
    put("last-hour", sum("lastHour").toLocaleString("en"));
    put("rate", observed ? `${rate > 0 && rate < 100 ? Math.min(Math.max(rate, 0.1), 99.9).toFixed(1) : rate.toFixed(0)}\u00a0%` : "–");
    put("rate-of", `${sum("anomalous").toLocaleString("en")} of ${observed.toLocaleString("en")} hours`);
    for (const count of document.querySelectorAll("[data-status-count]")) {
      count.textContent = rows.filter((row) => !row.hidden && row.dataset.status === count.dataset.statusCount).length;
    }
    for (const part of document.querySelectorAll("[data-nothing]")) {
      part.hidden = Boolean(document.querySelector(`${part.dataset.nothing} [data-host]:not([hidden])`));
    }
  };
  if (!form) return;
  form.hidden = false;
  form.addEventListener("change", choose);
  form.addEventListener("submit", (event) => event.preventDefault());
  choose();
})();
