"""The specification's Appendix C, as written there."""

from qdpi.policy import allow_fork, require_return


def test_policy():
    assert not allow_fork(open_branches=0, return_debt=9)
    assert allow_fork(open_branches=1, return_debt=0)
    assert require_return(3)
