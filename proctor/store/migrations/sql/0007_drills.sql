-- Drills of the kill switch, with their measured latency.

CREATE TABLE proctor.drill (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    by text NOT NULL,
    at timestamptz NOT NULL,
    run_id text,
    passed boolean NOT NULL,
    fence_s double precision,
    stopped_s double precision,
    closed_s double precision,
    note text NOT NULL DEFAULT ''
);

GRANT SELECT, INSERT ON proctor.drill TO proctor_app;
