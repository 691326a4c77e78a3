"""The model registry: trainings and versions live in MLflow; who is champion is decided in the lake's ledger.

MLflow's aliases are last-writer-wins, so they decide nothing here. A decision is a row of `gold.promotion` whose fence is one
above the last; of two writers of one fence the lake lets the first through. The aliases `champion`, `challenger` and
`previous` then follow what the ledger says.
"""
