"""`python -m pipeline`."""

import gc

if __name__ == "__main__":
    # What a command allocates is mostly modules, which stay: looking for garbage among them took a tenth of its time.
    gc.set_threshold(20_000, 20, 20)
    from pipeline.cli import main

    main()
