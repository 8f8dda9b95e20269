import pytest

from updates.learners.sparse import table


@pytest.fixture(scope="module", autouse=True)
def small_tables_move_piece_by_piece_too():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "AT_ONCE", 0)
        yield
