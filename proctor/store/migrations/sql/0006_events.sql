-- Events: what others may hear of, written in the transaction of the record that it comes from.
--
-- The audit trail keeps everything for ever; these tables are a feed out of it, with bounded retention.

CREATE TABLE proctor.event (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- grows along each subject, whose records one lock orders
    id text NOT NULL UNIQUE,
    kind text NOT NULL,
    subject text NOT NULL,
    run_id text,
    request_id text,
    tenant text,
    agent text,
    body json NOT NULL,
    at timestamptz NOT NULL
);

CREATE INDEX event_by_run ON proctor.event (run_id, n);
CREATE INDEX event_by_age ON proctor.event (at);

-- Chats and e-mail that some gateway serves. One that nobody attended to for a day gets no more events.
CREATE TABLE proctor.channel (
    name text PRIMARY KEY CHECK (name NOT LIKE 'webhook:%'),
    attended_at timestamptz NOT NULL
);

CREATE TABLE proctor.webhook (
    id text PRIMARY KEY,
    url text NOT NULL,
    kinds text[] NOT NULL,  -- none: all
    agent text,
    tenant text,
    with_arguments boolean NOT NULL,
    secret text NOT NULL,  -- sealed with PROCTOR_SECRETS_KEY, or plain where there is none
    former_secret text,
    former_until timestamptz,
    by text NOT NULL REFERENCES proctor.principal (name),
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    disabled_why text NOT NULL DEFAULT ''
);

CREATE TABLE proctor.delivery (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_n bigint NOT NULL REFERENCES proctor.event,
    channel text NOT NULL,
    subject text NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'skipped', 'dead')),
    attempts integer NOT NULL DEFAULT 0,  -- names the claim too: who claimed an earlier one settles nothing
    next_at timestamptz NOT NULL,  -- of a claimed one: when its lease ends
    trouble text NOT NULL DEFAULT '',
    done_at timestamptz,
    UNIQUE (event_n, channel)
) WITH (fillfactor = 80);

CREATE INDEX delivery_due ON proctor.delivery (channel, next_at) WHERE state = 'pending';
CREATE INDEX delivery_order ON proctor.delivery (channel, subject, event_n) WHERE state = 'pending';
CREATE INDEX delivery_done ON proctor.delivery (done_at) WHERE state <> 'pending';

-- What a channel returned for a subject, such as the place of a card in a chat.
CREATE TABLE proctor.channel_reference (
    channel text NOT NULL,
    subject text NOT NULL,
    reference text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (channel, subject)
);

CREATE INDEX channel_reference_back ON proctor.channel_reference (channel, reference);

-- Triggers: outside systems that start runs, each as a service principal.
CREATE TABLE proctor.hook (
    name text PRIMARY KEY,
    agent text NOT NULL,
    tenant text NOT NULL,
    principal text NOT NULL REFERENCES proctor.principal (name),
    goal text NOT NULL DEFAULT '',
    scheme text NOT NULL CHECK (scheme IN ('standard', 'github')),
    secret text NOT NULL,
    mapping json,  -- JSON pointers by field of the input; null: the whole payload
    by text NOT NULL REFERENCES proctor.principal (name),
    created_at timestamptz NOT NULL,
    disabled_at timestamptz
);

-- What Temporal's schedules start: the schedule there carries the name and the time, the truth is this row.
CREATE TABLE proctor.schedule (
    name text PRIMARY KEY,
    agent text NOT NULL,
    tenant text NOT NULL,
    principal text NOT NULL REFERENCES proctor.principal (name),
    goal text NOT NULL DEFAULT '',
    input json NOT NULL,
    timing json NOT NULL,
    by text NOT NULL REFERENCES proctor.principal (name),
    created_at timestamptz NOT NULL,
    deleted_at timestamptz
);

-- Whose words a run's input is: empty for the requester's own.
ALTER TABLE proctor.run ADD COLUMN input_source text NOT NULL DEFAULT '';

CREATE FUNCTION proctor.announce(p_id text, p_kind text, p_subject text, p_run text, p_request text, p_tenant text,
                                 p_agent text, p_body json, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_n bigint;
BEGIN
    INSERT INTO proctor.event (id, kind, subject, run_id, request_id, tenant, agent, body, at)
    VALUES (p_id, p_kind, p_subject, p_run, p_request, p_tenant, p_agent, p_body, p_at)
    RETURNING n INTO v_n;
    -- What names no agent or no tenant concerns all of them.
    INSERT INTO proctor.delivery (event_n, channel, subject, next_at)
    SELECT v_n, c.name, p_subject, clock_timestamp() FROM proctor.channel c WHERE c.attended_at > now() - interval '1 day'
    UNION ALL
    SELECT v_n, 'webhook:' || w.id, p_subject, clock_timestamp() FROM proctor.webhook w
    WHERE w.disabled_at IS NULL AND (w.kinds = '{}' OR p_kind = ANY (w.kinds))
      AND (w.agent IS NULL OR p_agent IS NULL OR w.agent = p_agent)
      AND (w.tenant IS NULL OR p_tenant IS NULL OR w.tenant = p_tenant);
    IF FOUND THEN
        PERFORM pg_notify('proctor_event', '');  -- heard when this transaction commits
    END IF;
END $$;

CREATE FUNCTION proctor.announce_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_request text := NEW.body ->> 'request';
    v_tenant text;
    v_agent text;
    v_withdrawn text;
BEGIN
    SELECT r.tenant, r.agent INTO v_tenant, v_agent FROM proctor.run r WHERE r.run_id = NEW.run_id;
    PERFORM proctor.announce(NEW.run_id || '/' || NEW.n, NEW.kind, coalesce(v_request, NEW.run_id),
                             CASE WHEN NEW.run_id NOT LIKE 'agent:%' THEN NEW.run_id END,  -- a chain of no run
                             v_request, v_tenant, v_agent, NEW.body, NEW.at);
    IF json_typeof(NEW.body -> 'withdrawn') = 'array' THEN  -- requests that the run's end or a driver left behind
        FOR v_withdrawn IN SELECT json_array_elements_text(NEW.body -> 'withdrawn') LOOP
            PERFORM proctor.announce(NEW.run_id || '/' || NEW.n || '/' || v_withdrawn, 'request_withdrawn', v_withdrawn,
                                     NEW.run_id, v_withdrawn, v_tenant, v_agent,
                                     json_build_object('request', v_withdrawn, 'because', NEW.kind), NEW.at);
        END LOOP;
    END IF;
    RETURN NULL;
END $$;

-- The condition is all that the records of a step pay; `EVENT_KINDS` in proctor/contracts/events.py is the same list.
CREATE TRIGGER audit_announced AFTER INSERT ON proctor.audit FOR EACH ROW WHEN (NEW.kind IN (
    'run_opened', 'run_closed', 'run_paused', 'run_resumed', 'run_taken_over', 'run_handed_back', 'message_sent',
    'person_acted', 'undo_ordered', 'undo_finished',
    'approval_requested', 'approval_counted', 'approval_granted', 'approval_denied', 'approval_edited',
    'approval_escalated', 'approval_consumed', 'grant_made', 'grant_revoked',
    'question_asked', 'question_answered', 'question_denied', 'budget_requested', 'budget_extended', 'budget_denied', 'unknown_outcome_opened', 'unknown_outcome_answered',
    'failed_compensation_opened', 'failed_compensation_answered', 'failed_compensation_denied', 'request_expired',
    'notice_recorded', 'key_added', 'key_vouched_for', 'key_revoked'
)) EXECUTE FUNCTION proctor.announce_audit();

-- Fences over more than one run are in no run's audit, so all of them speak for themselves.
CREATE FUNCTION proctor.announce_fence() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_is_raised boolean := TG_OP = 'INSERT';
    v_run text := CASE WHEN NEW.scope = 'run' THEN NEW.value END;
    v_agent text := CASE WHEN NEW.scope = 'agent' THEN NEW.value END;
    v_tenant text := CASE WHEN NEW.scope = 'tenant' THEN NEW.value END;
BEGIN
    IF NEW.scope = 'run' THEN
        SELECT r.tenant, r.agent INTO v_tenant, v_agent FROM proctor.run r WHERE r.run_id = NEW.value;
    END IF;
    PERFORM proctor.announce(
        'fence:' || NEW.epoch || CASE WHEN v_is_raised THEN '/raised' ELSE '/released' END,
        CASE WHEN v_is_raised THEN 'fence_raised' ELSE 'fence_released' END,
        'fence:' || NEW.epoch, v_run, NULL, v_tenant, v_agent,
        json_build_object('epoch', NEW.epoch, 'scope', NEW.scope, 'value', NEW.value, 'mode', NEW.mode,
                          'by', CASE WHEN v_is_raised THEN NEW.actor ELSE NEW.released_by END, 'reason', NEW.reason),
        CASE WHEN v_is_raised THEN NEW.raised_at ELSE NEW.released_at END);
    RETURN NULL;
END $$;

CREATE TRIGGER fence_raised AFTER INSERT ON proctor.fence FOR EACH ROW EXECUTE FUNCTION proctor.announce_fence();
CREATE TRIGGER fence_released AFTER UPDATE OF released_at ON proctor.fence FOR EACH ROW
    WHEN (OLD.released_at IS NULL AND NEW.released_at IS NOT NULL) EXECUTE FUNCTION proctor.announce_fence();

GRANT SELECT, INSERT, DELETE ON proctor.event TO proctor_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON proctor.delivery, proctor.channel_reference TO proctor_app;
GRANT SELECT, INSERT, UPDATE ON proctor.channel, proctor.webhook, proctor.hook, proctor.schedule TO proctor_app;
