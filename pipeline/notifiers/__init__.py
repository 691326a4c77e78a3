"""Ways to reach a person: one module is one way.

A notifier has `notify(message, options)`: it hands one `alerting.message.Message` over, once, and returns an `Outcome`; it raises
only where its options or its environment are wrong. A model `Options` says where to. A secret is in the environment, and an
option names the variable: no option holds one, and no outcome shows one. It sends the message's id along, so that the other side,
or a person, can tell a repetition. It gives up within a minute.

One whose module says `TAKES_STATE = True` is of a server that keeps the state of alerts and tells people by its own rules. Its
`notify(standing, options)` is handed in every run how all alerts stand that its routes take, as `alerting.message.Standing`, and
no messages; nothing of that waits, for the next run says it again. Its `read_quiet(options)` gives back of each alert that the
server has why it tells nobody of it, or None, by rule, subject, cause and severity; the reasons begin with one of its `QUIET`.
"""
