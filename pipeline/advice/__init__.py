"""What to do about an estate. Pure.

`estate` is what rules see, `prices` what list prices say of it, `case` one resource before one rule: how a rule gets to it and
how it answers. `answer` builds the rows, `portfolio` finds what can be done together. `instances` and `instance_types` are for
rules about instances; the rest does not know what kind of resource a rule is about.
"""
