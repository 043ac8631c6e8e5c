"""The suites: each test measures a case on a side (`support/suites.py` names the cases, `default.txt` chooses)."""


def test_case(case, side, measure):
    measure(case, side)
