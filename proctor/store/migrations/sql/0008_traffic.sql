-- Traffic: circuit breakers, token buckets and room under way, shared by all workers. Times are this server's.
--
-- Locks are taken in one order: breakers by name, the room of a lane, its bucket, leases. A call that meets closed
-- breakers and has no limits takes none of them: `lock_run` shows it the few breakers that are not at rest.

CREATE TABLE proctor.breaker (
    name text PRIMARY KEY,  -- tool:NAME or host:NAME
    state text NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'half_open')),
    failures integer NOT NULL DEFAULT 0,  -- consecutive
    failing text[] NOT NULL DEFAULT '{}',  -- tools among them
    open_until timestamptz,  -- null while closed; infinity: until a person closes it
    probes integer NOT NULL DEFAULT 1,
    successes integer NOT NULL DEFAULT 0,  -- of probes, while half-open
    last_error text NOT NULL DEFAULT '',
    changed_by text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX breaker_stirred ON proctor.breaker (name) WHERE state <> 'closed' OR failures > 0;

CREATE TABLE proctor.bucket (
    name text PRIMARY KEY,
    tokens double precision NOT NULL,  -- below zero: places that waiting calls hold
    at timestamptz NOT NULL
);

-- Room that a call holds: under `room/…` among the calls of its tool, under a breaker's name as a probe.
CREATE TABLE proctor.lease (
    lane text NOT NULL,
    key text NOT NULL,
    turn bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (lane, key)
);
CREATE INDEX lease_of_key ON proctor.lease (key);
CREATE SEQUENCE proctor.turn;

-- Calls that wait to be admitted; `due_at` is when the place that one holds in a bucket is its turn.
CREATE TABLE proctor.waiting (
    key text PRIMARY KEY,
    since timestamptz NOT NULL,
    asked_at timestamptz NOT NULL,
    bucket text,
    due_at timestamptz
);
CREATE INDEX waiting_by_age ON proctor.waiting (asked_at);

GRANT SELECT, INSERT, UPDATE ON proctor.breaker, proctor.bucket TO proctor_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON proctor.lease, proctor.waiting TO proctor_app;
GRANT USAGE ON SEQUENCE proctor.turn TO proctor_app;

-- Breakers as a call or a person meets them. A call's own probe, left by a lost worker, does not hold it back.
CREATE FUNCTION proctor.breakers_seen(p_key text, p_names text[]) RETURNS TABLE (
    name text, state text, failures integer, is_shut boolean, open_until_s double precision,
    last_error text, by text, reason text, changed_at timestamptz
) LANGUAGE sql STABLE AS $$
    SELECT b.name,
        CASE WHEN b.state = 'open' AND b.open_until <= clock_timestamp() THEN 'half_open' ELSE b.state END,
        b.failures,
        b.state <> 'closed' AND (b.open_until > clock_timestamp() OR (
            SELECT count(*) FROM proctor.lease l
            WHERE l.lane = b.name AND l.key <> p_key AND l.expires_at > clock_timestamp()) >= b.probes),
        CASE WHEN b.state <> 'closed' AND b.open_until < 'infinity'
            THEN greatest(0, extract(epoch FROM b.open_until - clock_timestamp()))::double precision END,
        b.last_error, b.changed_by, b.reason, b.changed_at
    FROM proctor.breaker b
    WHERE CASE WHEN p_names IS NULL THEN b.state <> 'closed' OR b.failures > 0 ELSE b.name = ANY (p_names) END
    ORDER BY b.name
$$;

CREATE FUNCTION proctor.stirred_breakers(p_key text) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    -- The index is empty while all is well: that is all that a call then pays.
    IF EXISTS (SELECT FROM proctor.breaker b WHERE b.state <> 'closed' OR b.failures > 0) THEN
        RETURN (SELECT json_agg(s) FROM proctor.breakers_seen(p_key, NULL) s);
    END IF;
    RETURN NULL;
END $$;

-- Let a call of a lane pass, or say what it waits for. `changes` are breakers that became half-open by it.
CREATE FUNCTION proctor.enter(
    p_key text, p_breakers text[], p_despite boolean, p_room text, p_concurrency integer, p_bucket text,
    p_calls double precision, p_per_s double precision, p_patience_s double precision, p_lease_s double precision,
    OUT admitted boolean, OUT turn bigint, OUT wait_s double precision, OUT is_over boolean,
    OUT open_until_s double precision, OUT breaker text, OUT lacks text, OUT changes json
) LANGUAGE plpgsql AS $$
DECLARE
    v_breaker proctor.breaker;
    v_bucket proctor.bucket;
    v_waiting proctor.waiting;
    v_lanes text[] := '{}';
    v_changes jsonb := '[]';
    v_left double precision;
    v_tokens double precision;
    v_now timestamptz;
BEGIN
    admitted := false; turn := 0; wait_s := NULL; is_over := false; breaker := ''; lacks := '';
    SELECT * INTO v_waiting FROM proctor.waiting w WHERE w.key = p_key FOR UPDATE;
    v_left := p_patience_s - extract(epoch FROM clock_timestamp() - coalesce(v_waiting.since, clock_timestamp()));

    FOR v_breaker IN
        SELECT * FROM proctor.breaker b WHERE b.name = ANY (p_breakers) AND b.state <> 'closed'
        ORDER BY b.name FOR UPDATE
    LOOP
        v_now := clock_timestamp();
        IF p_despite THEN
            v_lanes := v_lanes || v_breaker.name;
        ELSIF v_breaker.open_until > v_now THEN
            breaker := v_breaker.name;
            IF v_breaker.open_until < 'infinity' THEN
                open_until_s := extract(epoch FROM v_breaker.open_until - v_now);
            END IF;
            wait_s := coalesce(open_until_s, 5);
            EXIT;
        ELSIF (SELECT count(*) FROM proctor.lease l
               WHERE l.lane = v_breaker.name AND l.key <> p_key AND l.expires_at > v_now) >= v_breaker.probes THEN
            breaker := v_breaker.name; open_until_s := 1; wait_s := 1;
            EXIT;
        ELSE
            v_lanes := v_lanes || v_breaker.name;
            IF v_breaker.state = 'open' THEN
                UPDATE proctor.breaker b SET state = 'half_open', successes = 0, changed_by = 'proctor',
                    reason = 'it was open for its time', changed_at = v_now WHERE b.name = v_breaker.name;
                v_changes := v_changes || jsonb_build_object('breaker', v_breaker.name, 'was', 'open',
                    'became', 'half_open', 'reason', 'it was open for its time');
            END IF;
        END IF;
    END LOOP;

    IF wait_s IS NULL AND p_concurrency IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('proctor.' || p_room, 0));
        IF (SELECT count(*) FROM proctor.lease l
            WHERE l.lane = p_room AND l.key <> p_key AND l.expires_at > clock_timestamp()) >= p_concurrency THEN
            lacks := 'room of ' || p_concurrency || ' at ' || substr(p_room, 6);
            -- Ever less often, and a bounded number of times: see options.SPARE_ATTEMPTS.
            wait_s := least(greatest(0.25, (p_patience_s - v_left) / 2), greatest(5, p_patience_s / 12))
                * (0.75 + random() / 2);
        ELSE
            v_lanes := v_lanes || p_room;
        END IF;
    END IF;

    IF wait_s IS NULL AND p_bucket IS NOT NULL AND v_waiting.bucket IS DISTINCT FROM p_bucket THEN
        INSERT INTO proctor.bucket VALUES (p_bucket, p_calls, clock_timestamp()) ON CONFLICT DO NOTHING;
        SELECT * INTO v_bucket FROM proctor.bucket b WHERE b.name = p_bucket FOR UPDATE;
        v_now := clock_timestamp();
        v_tokens := least(p_calls, v_bucket.tokens + extract(epoch FROM v_now - v_bucket.at) * p_calls / p_per_s);
        IF v_tokens < 1 THEN
            wait_s := (1 - v_tokens) * p_per_s / p_calls;
            lacks := 'rate limit ' || p_bucket;
        END IF;
        IF coalesce(wait_s, 0) <= v_left THEN  -- a place is taken now, and waited for where it lies ahead
            UPDATE proctor.bucket b SET tokens = v_tokens - 1, at = v_now WHERE b.name = p_bucket;
            v_waiting.bucket := p_bucket;
            v_waiting.due_at := v_now + make_interval(secs => coalesce(wait_s, 0));
        END IF;
    ELSIF wait_s IS NULL AND p_bucket IS NOT NULL AND v_waiting.due_at > clock_timestamp() THEN
        wait_s := extract(epoch FROM v_waiting.due_at - clock_timestamp());
        lacks := 'rate limit ' || p_bucket;
    END IF;

    changes := v_changes;
    IF wait_s IS NULL THEN
        admitted := true;
        wait_s := 0;
        turn := nextval('proctor.turn');
        INSERT INTO proctor.lease AS l
        SELECT lane, p_key, enter.turn, clock_timestamp() + make_interval(secs => p_lease_s) FROM unnest(v_lanes) lane
        ON CONFLICT (lane, key) DO UPDATE SET turn = excluded.turn, expires_at = excluded.expires_at;
        DELETE FROM proctor.waiting w WHERE w.key = p_key;
    ELSIF wait_s > v_left THEN
        is_over := true;
        DELETE FROM proctor.waiting w WHERE w.key = p_key;
    ELSE
        INSERT INTO proctor.waiting AS w
        VALUES (p_key, clock_timestamp(), clock_timestamp(), v_waiting.bucket, v_waiting.due_at)
        ON CONFLICT (key) DO UPDATE SET asked_at = excluded.asked_at, bucket = excluded.bucket, due_at = excluded.due_at;
        -- Those whose runs were stopped while they waited.
        DELETE FROM proctor.waiting w WHERE w.key IN (
            SELECT old.key FROM proctor.waiting old WHERE old.asked_at < clock_timestamp() - interval '2 days'
            ORDER BY old.asked_at LIMIT 10 FOR UPDATE SKIP LOCKED);
    END IF;
END $$;

-- Give room back, and tell the breakers how the call ended; gives those that opened or closed by it.
CREATE FUNCTION proctor.leave(
    p_key text, p_turn bigint, p_breakers text[], p_tool text, p_end text, p_error text,
    p_failures integer, p_open_s double precision, p_probes integer
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    v_breaker proctor.breaker;
    v_held text[];
    v_was text;
    v_reason text;
    v_changes jsonb := '[]';
BEGIN
    IF p_end = 'fault' THEN
        INSERT INTO proctor.breaker (name) SELECT n FROM unnest(p_breakers) n ORDER BY n ON CONFLICT DO NOTHING;
    END IF;
    PERFORM 1 FROM proctor.breaker b WHERE b.name = ANY (p_breakers) ORDER BY b.name FOR UPDATE;
    WITH gone AS (DELETE FROM proctor.lease l WHERE l.key = p_key AND l.turn = p_turn RETURNING l.lane)
    SELECT coalesce(array_agg(g.lane), '{}') INTO v_held FROM gone g;
    IF p_end = 'untold' THEN
        RETURN v_changes;
    END IF;
    FOR v_breaker IN SELECT * FROM proctor.breaker b WHERE b.name = ANY (p_breakers) ORDER BY b.name LOOP
        v_was := v_breaker.state;
        v_reason := '';
        IF p_end = 'fault' THEN
            v_breaker.failures := v_breaker.failures + 1;
            v_breaker.last_error := p_error;
            v_breaker.probes := p_probes;
            IF NOT p_tool = ANY (v_breaker.failing) AND cardinality(v_breaker.failing) < 10 THEN
                v_breaker.failing := v_breaker.failing || p_tool;
            END IF;
            -- One tool that fails says nothing of its host: a second one must fail there, too.
            IF v_was = 'closed' AND v_breaker.failures >= p_failures
                AND (v_breaker.name LIKE 'tool:%' OR cardinality(v_breaker.failing) > 1) THEN
                v_reason := v_breaker.failures || ' failures in a row';
            ELSIF v_was = 'half_open' AND v_breaker.name = ANY (v_held) THEN
                v_reason := 'a probe failed';
            END IF;
            IF v_reason <> '' THEN
                v_breaker.state := 'open';
                v_breaker.open_until := clock_timestamp() + make_interval(secs => p_open_s);
            END IF;
        ELSIF v_was = 'closed' THEN
            v_breaker.failures := 0;
            v_breaker.failing := '{}';
        ELSIF v_breaker.name = ANY (v_held) AND v_breaker.open_until < 'infinity' THEN
            v_breaker.successes := v_breaker.successes + 1;
            IF v_breaker.successes >= v_breaker.probes THEN
                v_reason := v_breaker.successes || ' of ' || v_breaker.probes || ' probes succeeded';
                v_breaker.state := 'closed';
                v_breaker.failures := 0;
                v_breaker.failing := '{}';
                v_breaker.open_until := NULL;
            END IF;
        END IF;
        IF v_reason <> '' THEN
            v_breaker.successes := 0;
            v_breaker.changed_by := 'proctor';
            v_breaker.reason := v_reason;
            v_breaker.changed_at := clock_timestamp();
            v_changes := v_changes || jsonb_build_object('breaker', v_breaker.name, 'was', v_was,
                'became', v_breaker.state, 'reason', v_reason);
        END IF;
        UPDATE proctor.breaker b SET state = v_breaker.state, failures = v_breaker.failures,
            failing = v_breaker.failing, open_until = v_breaker.open_until, probes = v_breaker.probes,
            successes = v_breaker.successes, last_error = v_breaker.last_error, changed_by = v_breaker.changed_by,
            reason = v_breaker.reason, changed_at = v_breaker.changed_at
        WHERE b.name = v_breaker.name;
    END LOOP;
    RETURN v_changes;
END $$;

-- Open a breaker until a person closes it, or close one; gives what it was.
CREATE FUNCTION proctor.set_breaker(p_name text, p_state text, p_by text, p_reason text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v_was text;
BEGIN
    INSERT INTO proctor.breaker (name) VALUES (p_name) ON CONFLICT DO NOTHING;
    SELECT b.state INTO v_was FROM proctor.breaker b WHERE b.name = p_name FOR UPDATE;
    UPDATE proctor.breaker b SET state = p_state, successes = 0,
        failures = CASE WHEN p_state = 'closed' THEN 0 ELSE b.failures END,
        failing = CASE WHEN p_state = 'closed' THEN '{}' ELSE b.failing END,
        open_until = CASE WHEN p_state = 'open' THEN 'infinity'::timestamptz END,
        changed_by = p_by, reason = p_reason, changed_at = clock_timestamp()
    WHERE b.name = p_name;
    RETURN v_was;
END $$;

DROP FUNCTION proctor.lock_run(text, integer, integer, boolean, json);

-- As before, with the breakers that are not at rest.
CREATE FUNCTION proctor.lock_run(
    p_run text, p_step integer, p_call integer, p_fenced boolean, p_windows json DEFAULT NULL
) RETURNS TABLE (
    at timestamptz,
    run proctor.run,
    step_plan json,
    planned proctor.planned_call,
    effect proctor.effect,
    undo proctor.effect,
    approval proctor.request,
    consent proctor.decision,
    outcome proctor.transcript,
    fences proctor.fence[],
    demotions json,
    epoch bigint,
    unsettled_usd numeric,
    newest_unsettled_usd numeric,
    approvals json,
    authors text[],
    cells json,
    denied_goals json,
    active_bundle text,
    windows json,
    breakers json
) LANGUAGE plpgsql AS $$
DECLARE
    v_key text := p_run || '/' || p_step || '/' || p_call;
    v_at timestamptz;
BEGIN
    IF p_fenced THEN
        PERFORM pg_advisory_xact_lock_shared(proctor.fence_lock());
    END IF;
    IF p_windows IS NOT NULL THEN
        PERFORM proctor.lock_windows(p_run, (
            SELECT c.tool FROM proctor.planned_call c
            WHERE c.run_id = p_run AND c.step = p_step AND c.call = p_call), p_windows);
    END IF;
    PERFORM 1 FROM proctor.run r WHERE r.run_id = p_run FOR NO KEY UPDATE;
    v_at := clock_timestamp();
    RETURN QUERY
    SELECT
        v_at,
        r,
        (SELECT p.step_plan FROM proctor.plan p WHERE p.run_id = p_run AND p.step = p_step),
        (SELECT c FROM proctor.planned_call c WHERE c.run_id = p_run AND c.step = p_step AND c.call = p_call),
        (SELECT e FROM proctor.effect e WHERE e.key = v_key),
        (SELECT e FROM proctor.effect e WHERE e.key = v_key || '/undo'),
        a.request,
        (SELECT d FROM proctor.decision d WHERE d.request_id = (a.request).id AND d.applied ORDER BY d.n DESC LIMIT 1),
        (SELECT t FROM proctor.transcript t
          WHERE t.run_id = p_run AND t.step = p_step AND t.call = p_call AND t.kind IN ('result', 'failure', 'denial')
          ORDER BY t.n DESC LIMIT 1),
        (SELECT array_agg(f ORDER BY f.epoch) FROM proctor.fence f
          WHERE f.released_at IS NULL
            AND (f.scope IN ('all', 'tool') OR (f.scope = 'run' AND f.value = r.run_id)
                 OR (f.scope = 'agent' AND f.value = r.agent) OR (f.scope = 'tenant' AND f.value = r.tenant))),
        (SELECT json_object_agg(d.tool, d.level) FROM proctor.demotion d WHERE d.agent = r.agent),
        (SELECT coalesce(max(f.epoch), 0) FROM proctor.fence f),
        (SELECT coalesce(sum(s.reserved_usd), 0) FROM proctor.spend s
          WHERE s.run_id = p_run AND s.step = p_step AND s.settled_usd IS NULL),
        (SELECT s.reserved_usd FROM proctor.spend s
          WHERE s.run_id = p_run AND s.step = p_step AND s.settled_usd IS NULL ORDER BY s.attempt DESC LIMIT 1),
        (SELECT json_agg(json_build_object(
              'word', d, 'key', (SELECT k FROM proctor.approver_key k WHERE k.id = d.key_id),
              'is_delegated', d.on_behalf_of IS NULL OR proctor.is_delegated(d.on_behalf_of, d.by, r.agent, d.at),
              'record', (SELECT a.body FROM proctor.audit a
                WHERE a.run_id = d.run_id AND a.kind IN ('approval_counted', 'approval_granted')
                  AND a.body ->> 'decision' = d.id AND a.at = d.at)
          ) ORDER BY d.n)
          FROM proctor.decision d WHERE d.request_id = (a.request).id AND d.applied AND d.word = 'approve'),
        proctor.authors_of(p_run, p_step, p_call),
        (SELECT json_agg(c) FROM proctor.live_cells(r.agent) c),
        (SELECT json_agg(g ORDER BY g.at) FROM proctor.denied_goal g WHERE g.run_id = p_run),
        (SELECT v.bundle_digest FROM proctor.policy_activation v WHERE v.agent = r.agent ORDER BY v.n DESC LIMIT 1),
        CASE WHEN p_windows IS NOT NULL THEN
            proctor.window_answers(r.tenant, r.agent, r.requester, p_run, v_key, v_at, p_windows) END,
        proctor.stirred_breakers(v_key)
    FROM proctor.run r
    LEFT JOIN LATERAL (
        SELECT q AS request FROM proctor.request q
        WHERE q.run_id = p_run AND q.step = p_step AND q.call = p_call AND q.kind = 'approval'
        ORDER BY q.created_at DESC, q.id LIMIT 1
    ) a ON true
    WHERE r.run_id = p_run;
END $$;
