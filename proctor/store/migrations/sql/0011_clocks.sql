-- A database whose clock has gone back, as where a standby takes over: nothing waits until it has caught up.

-- Whether a breaker is still open for its time, or by a person's hand. A change that is yet to come is none to wait for.
CREATE FUNCTION proctor.is_open_still(p_breaker proctor.breaker) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT p_breaker.open_until > clock_timestamp()
        AND (p_breaker.open_until = 'infinity' OR p_breaker.changed_at <= clock_timestamp())
$$;

-- As before, by `is_open_still`.
CREATE OR REPLACE FUNCTION proctor.breakers_seen(p_key text, p_names text[]) RETURNS TABLE (
    name text, state text, failures integer, is_shut boolean, open_until_s double precision,
    last_error text, by text, reason text, changed_at timestamptz
) LANGUAGE sql STABLE AS $$
    SELECT b.name,
        CASE WHEN b.state = 'open' AND NOT proctor.is_open_still(b) THEN 'half_open' ELSE b.state END,
        b.failures,
        b.state <> 'closed' AND (proctor.is_open_still(b) OR (
            SELECT count(*) FROM proctor.lease l
            WHERE l.lane = b.name AND l.key <> p_key AND l.expires_at > clock_timestamp()) >= b.probes),
        CASE WHEN b.state <> 'closed' AND b.open_until < 'infinity'
            THEN CASE WHEN proctor.is_open_still(b)
                THEN extract(epoch FROM b.open_until - clock_timestamp())::double precision ELSE 0 END END,
        b.last_error, b.changed_by, b.reason, b.changed_at
    FROM proctor.breaker b
    WHERE CASE WHEN p_names IS NULL THEN b.state <> 'closed' OR b.failures > 0 ELSE b.name = ANY (p_names) END
    ORDER BY b.name
$$;

-- As before, by `is_open_still`, and without waiting for a clock that has gone back to catch up.
CREATE OR REPLACE FUNCTION proctor.enter(
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
    v_now := clock_timestamp();
    v_left := p_patience_s - greatest(0, extract(epoch FROM v_now - coalesce(v_waiting.since, v_now)));
    IF v_waiting.due_at > v_now + make_interval(secs => p_patience_s) THEN
        v_waiting.bucket := NULL;  -- nobody waits longer than that: the place is of a clock that has gone back
    END IF;

    FOR v_breaker IN
        SELECT * FROM proctor.breaker b WHERE b.name = ANY (p_breakers) AND b.state <> 'closed'
        ORDER BY b.name FOR UPDATE
    LOOP
        v_now := clock_timestamp();
        IF p_despite THEN
            v_lanes := v_lanes || v_breaker.name;
        ELSIF proctor.is_open_still(v_breaker) THEN
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
        v_tokens := least(
            p_calls, v_bucket.tokens + greatest(0, extract(epoch FROM v_now - v_bucket.at)) * p_calls / p_per_s);
        IF v_tokens < 1 THEN
            wait_s := (1 - v_tokens) * p_per_s / p_calls;
            lacks := 'rate limit ' || p_bucket;
        END IF;
        IF coalesce(wait_s, 0) <= v_left THEN  -- a place is taken now, and waited for where it lies ahead
            UPDATE proctor.bucket b SET tokens = v_tokens - 1, at = v_now WHERE b.name = p_bucket;
            v_waiting.bucket := p_bucket;
            v_waiting.due_at := v_now + make_interval(secs => coalesce(wait_s, 0));
        ELSIF v_bucket.at > v_now THEN
            UPDATE proctor.bucket b SET at = v_now WHERE b.name = p_bucket;
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
        ON CONFLICT (key) DO UPDATE SET since = least(w.since, excluded.since), asked_at = excluded.asked_at,
            bucket = excluded.bucket, due_at = excluded.due_at;
        -- Those whose runs were stopped while they waited.
        DELETE FROM proctor.waiting w WHERE w.key IN (
            SELECT old.key FROM proctor.waiting old WHERE old.asked_at < clock_timestamp() - interval '2 days'
            ORDER BY old.asked_at LIMIT 10 FOR UPDATE SKIP LOCKED);
    END IF;
END $$;
