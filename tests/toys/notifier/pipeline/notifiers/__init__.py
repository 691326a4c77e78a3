"""Ways to reach a person: one module is one way. A notifier must define `notify(messages)`, which returns how many were sent."""
