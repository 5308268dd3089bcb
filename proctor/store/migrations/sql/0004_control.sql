-- A person at the wheel of a run: orders are append-only rows; the run's row says who drives now.

ALTER TABLE proctor.run
    ADD COLUMN paused_by text,
    ADD COLUMN driver text,
    ADD COLUMN acts integer NOT NULL DEFAULT 0,        -- calls that people at the wheel asked for
    ADD COLUMN acts_taken integer NOT NULL DEFAULT 0,  -- of them, those that a step has taken up
    ADD COLUMN said_bytes integer NOT NULL DEFAULT 0,  -- bound on what people added to what a model reads
    ADD COLUMN undo_by text,                           -- who ordered that the ended run be taken back
    ADD COLUMN undo_epoch bigint;                      -- newest fence of that time: no older one stands in its way

CREATE TABLE proctor.control (
    run_id text NOT NULL REFERENCES proctor.run,
    n integer NOT NULL,
    word text NOT NULL CHECK (word IN ('pause', 'resume', 'say', 'take_over', 'act', 'hand_back')),
    by text NOT NULL,
    text text NOT NULL DEFAULT '',
    call json,
    key text,
    step integer,  -- of a message: the step before which the planner saw it
    at timestamptz NOT NULL,
    PRIMARY KEY (run_id, n),
    UNIQUE (run_id, key)
);

-- The step that carried out what a person at the wheel asked for.
CREATE TABLE proctor.control_act (
    run_id text NOT NULL,
    n integer NOT NULL,
    step integer NOT NULL,
    PRIMARY KEY (run_id, n),
    UNIQUE (run_id, step),
    FOREIGN KEY (run_id, n) REFERENCES proctor.control
);

-- Steps of which nothing was carried out because a person took over: the planner goes on from the step before.
CREATE TABLE proctor.set_aside (
    run_id text NOT NULL REFERENCES proctor.run,
    step integer NOT NULL,
    PRIMARY KEY (run_id, step)
);

CREATE TRIGGER control_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proctor.control
    FOR EACH STATEMENT EXECUTE FUNCTION proctor.refuse_change();
CREATE TRIGGER control_act_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proctor.control_act
    FOR EACH STATEMENT EXECUTE FUNCTION proctor.refuse_change();
CREATE TRIGGER set_aside_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proctor.set_aside
    FOR EACH STATEMENT EXECUTE FUNCTION proctor.refuse_change();

GRANT SELECT, INSERT ON proctor.control, proctor.control_act, proctor.set_aside TO proctor_app;
