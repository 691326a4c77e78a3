"""`python -m pipeline`."""

from pipeline.upkeep import garbage

if __name__ == "__main__":
    # Before most is imported.
    garbage.look_seldom()
    from pipeline.cli import main

    main()
