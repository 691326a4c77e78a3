"""Rules that say what to do about resources: one module is one rule, and its file's name is the rule's id.

A rule must define

- `RULE_VERSION`: text, a new one whenever its answers change;
- `SERVICES`: the services, such as "ec2" or "ebs", whose resources it judges;
- `recommend(estate, options)`: one row for every resource of these services, with a reason, and no other row.

and may define `Options`, a pydantic model whose fields have bounds and a description; a rule without it is called with the
estate alone. `pipeline.advice.case` has what most rules need: `cases` gives each resource with its usage, and a case has the
ways to answer.

A rule may also define `missed(answer, evidence, seen, options)`: the hours after one of its answers in which what it changes
would have been missed. It is then held to what came, and its past stands beside what it recommends: `pipeline.advice.hindsight`.

What a bill lists and no inventory does, a payer's plans, commitments, and the tags of an account, are resources of the estate as
well (`pipeline.advice.bill`). A rule with `AFTER_CHANGES = True` judges last, by what the changes of the others leave.
"""
