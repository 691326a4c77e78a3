"""Ways to reach a person: one module is one way.

A notifier has `notify(message, options)`: it hands one `alerting.message.Message` over, once, and returns an `Outcome`; it raises
only where its options or its environment are wrong. A model `Options` says where to. A secret is in the environment, and an
option names the variable: no option holds one, and no outcome shows one. It sends the message's id along, so that the other side,
or a person, can tell a repetition. It gives up within a minute.
"""
