"""The databases of these tests themselves: nothing of one test is left to the next."""

import psycopg

from tests.integration.databases import Lent


def test_a_database_is_lent_again_as_it_was_or_not_at_all(postgres_server: str) -> None:
    """Rows and counters are as new, append-only ones too; whoever stayed is put out; another schema is not lent."""
    lent = Lent(postgres_server)
    stayed = psycopg.connect(lent.dsn)
    before = stayed.execute("SELECT until FROM proctor.drill_lease").fetchall()
    raise_fence = (
        "INSERT INTO proctor.fence (scope, value, actor, reason, mode, raised_at)"
        " VALUES ('all', '', 'x', 'x', 'freeze', now()) RETURNING epoch"
    )
    stayed.execute("DELETE FROM proctor.drill_lease")
    stayed.execute("INSERT INTO proctor.audit VALUES ('run', 0, now(), 'x', '{}', '', '')")
    stayed.execute(raise_fence)
    stayed.commit()
    assert lent.renew()
    with psycopg.connect(lent.dsn, autocommit=True) as connection:
        assert before == connection.execute("SELECT until FROM proctor.drill_lease").fetchall()
        assert (0,) == connection.execute("SELECT count(*) FROM proctor.audit").fetchone()
        assert (1,) == connection.execute(raise_fence).fetchone()
        connection.execute("ALTER TABLE proctor.fence ADD COLUMN odd int")
    assert not lent.renew()
    stayed.close()
    lent.drop(postgres_server)
