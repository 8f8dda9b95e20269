from updates.learners.experiments.sparsity import Outcome, fewest, outcomes, settings, simulated


def outcome(method, non_zero, auc_loss):
    return Outcome(method, "", non_zero, auc_loss, 0.9)


def test_the_sparsest_that_ranks_as_well_as_ftrls_best_is_chosen():
    best, sparse = outcome("FTRL", 90, 0.2), outcome("FTRL", 50, 0.2003)
    dense, good, poor = (outcome("FOBOS", n, a) for n, a in [(99, 0.2), (70, 0.2), (10, 0.22)])
    assert fewest([best, sparse, dense, good, poor]) == [sparse, good]


def test_one_that_never_ranks_as_well_is_held_to_its_own_best():
    ftrl, best, near = outcome("FTRL", 90, 0.2), outcome("RDA", 95, 0.21), outcome("RDA", 9, 0.2101)
    assert fewest([ftrl, best, near, outcome("RDA", 1, 0.3)]) == [ftrl, near]


def test_l1_and_counting_leave_fewer_weights_on_a_stream_with_a_long_tail():
    stream = simulated(2_000)
    counts = stream.counts()
    assert (counts == 1).mean() > 0.5
    tried = list(outcomes(stream))
    assert len(tried) == len(list(settings(2_000)))
    non_zero = {(one.method, one.setting): one.non_zero for one in tried}
    assert non_zero["FTRL", "rate 0.1, l1 3"] < non_zero["FTRL", "rate 0.1, l1 0.3"]
    assert non_zero["OGD-count", "rate 0.1, k 0"] == len(counts)
    # A key met more than once has its weight from then on; the sketch may admit some too early.
    assert non_zero["OGD-count", "rate 0.1, k 1"] >= (counts > 1).sum()
    assert all(one.auc_loss > stream.least for one in tried)
