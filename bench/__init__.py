"""What is measured, against what, by one command: python -m bench [NAME].

Times mean nothing by themselves on a machine that others use; every bound that can be is a ratio against a limit or a peer,
taken in the same run and interleaved with it.
"""
