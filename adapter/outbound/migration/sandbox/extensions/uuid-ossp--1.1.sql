-- The functions of uuid-ossp 1.1, in SQL: the embedded Postgres is built without a library for UUIDs.

CREATE FUNCTION uuid_nil() RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN '00000000-0000-0000-0000-000000000000'::uuid;

CREATE FUNCTION uuid_ns_dns() RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid;

CREATE FUNCTION uuid_ns_url() RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN '6ba7b811-9dad-11d1-80b4-00c04fd430c8'::uuid;

CREATE FUNCTION uuid_ns_oid() RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN '6ba7b812-9dad-11d1-80b4-00c04fd430c8'::uuid;

CREATE FUNCTION uuid_ns_x500() RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN '6ba7b814-9dad-11d1-80b4-00c04fd430c8'::uuid;

CREATE FUNCTION uuid_generate_v1() RETURNS uuid
LANGUAGE plpgsql VOLATILE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
DECLARE
    since_1970 bigint := extract(epoch FROM clock_timestamp()) * 10000000; -- tenths of microseconds
    ticks text := lpad(to_hex(since_1970 + 122192928000000000), 16, '0'); -- since October 15, 1582
    node text := substr(encode(uuid_send(gen_random_uuid()), 'hex'), 17);
BEGIN
    RETURN (substr(ticks, 9) || substr(ticks, 5, 4) || '1' || substr(ticks, 2, 3) || node)::uuid;
END
$$;

CREATE FUNCTION uuid_generate_v1mc() RETURNS uuid -- the node is random in version 1, too
LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
RETURN uuid_generate_v1();

CREATE FUNCTION uuid_generate_v3(namespace uuid, name text) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
DECLARE
    hash bytea := decode(md5(uuid_send(namespace) || convert_to(name, 'UTF8')), 'hex');
BEGIN
    hash := set_byte(hash, 6, get_byte(hash, 6) & 15 | 48);
    RETURN encode(set_byte(hash, 8, get_byte(hash, 8) & 63 | 128), 'hex')::uuid;
END
$$;

CREATE FUNCTION uuid_generate_v4() RETURNS uuid
LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
RETURN pg_catalog.gen_random_uuid();

CREATE FUNCTION uuid_generate_v5(namespace uuid, name text) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
DECLARE
    message bytea := uuid_send(namespace) || convert_to(name, 'UTF8');
    length_in_bits bigint := length(message)::bigint * 8;
    padded bytea := message || '\x80'::bytea
        || decode(repeat('00', (119 - length(message) % 64) % 64), 'hex') || int8send(length_in_bits);
    h bigint[] := '{1732584193, 4023233417, 2562383102, 271733878, 3285377520}';
    a bigint; b bigint; c bigint; d bigint; e bigint; f bigint; k bigint; x bigint;
    w bigint[];
    mask constant bigint := 4294967295;
    hash bytea;
BEGIN
    FOR chunk IN 0 .. length(padded) / 64 - 1 LOOP
        FOR i IN 0 .. 15 LOOP
            w[i] := ('x' || encode(substr(padded, chunk * 64 + i * 4 + 1, 4), 'hex'))::bit(32)::bigint;
        END LOOP;
        FOR i IN 16 .. 79 LOOP
            x := w[i - 3] # w[i - 8] # w[i - 14] # w[i - 16];
            w[i] := ((x << 1) | (x >> 31)) & mask;
        END LOOP;
        a := h[1]; b := h[2]; c := h[3]; d := h[4]; e := h[5];
        FOR i IN 0 .. 79 LOOP
            IF i < 20 THEN f := (b & c) | (~b & mask & d); k := 1518500249;
            ELSIF i < 40 THEN f := b # c # d; k := 1859775393;
            ELSIF i < 60 THEN f := (b & c) | (b & d) | (c & d); k := 2400959708;
            ELSE f := b # c # d; k := 3395469782;
            END IF;
            x := ((((a << 5) | (a >> 27)) & mask) + f + e + k + w[i]) & mask;
            e := d; d := c; c := ((b << 30) | (b >> 2)) & mask; b := a; a := x;
        END LOOP;
        h := ARRAY[(h[1] + a) & mask, (h[2] + b) & mask, (h[3] + c) & mask, (h[4] + d) & mask, (h[5] + e) & mask];
    END LOOP;
    hash := substr(int8send(h[1]), 5) || substr(int8send(h[2]), 5) || substr(int8send(h[3]), 5)
        || substr(int8send(h[4]), 5) || substr(int8send(h[5]), 5);
    hash := set_byte(hash, 6, get_byte(hash, 6) & 15 | 80);
    RETURN encode(substr(set_byte(hash, 8, get_byte(hash, 8) & 63 | 128), 1, 16), 'hex')::uuid;
END
$$;
