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

-- Who makes the next drill: one row, so that of many gateways one does. The first one leaves time to start workers.
CREATE TABLE proctor.drill_lease (
    is_the_one boolean PRIMARY KEY DEFAULT true CHECK (is_the_one),
    holder text NOT NULL,
    until timestamptz NOT NULL
);

INSERT INTO proctor.drill_lease (holder, until) VALUES ('', now() + interval '10 minutes');

GRANT SELECT, INSERT ON proctor.drill TO proctor_app;
GRANT SELECT, UPDATE ON proctor.drill_lease TO proctor_app;
