"""With `sample` a large table is judged by a part of its rows, and says so."""

import dbferry
from servers.database import ServerDatabase


def test_a_sample_is_taken_when_it_is_asked_for(pg_db: ServerDatabase) -> None:
    pg_db.sql(
        "CREATE TABLE readings (id int PRIMARY KEY, value numeric);"
        "INSERT INTO readings SELECT n, n / 8.0 FROM generate_series(1, 120000) AS n; ANALYZE"
    )
    facts = {}
    for sample in (False, True):
        made = dbferry.assess(pg_db.url, "mysql", sample=sample)
        (value,) = [f for f in made.objects if f.object == "public.readings.value"]
        facts[sample] = value.probed
        assert made.estimate.rows == 120_000
    assert facts[False]["rows"] == 120_000
    assert "sampled" not in facts[False]
    assert 0 < facts[True]["sampled"] < 60_000
