-- The functions of pgcrypto 1.4, in SQL: the embedded Postgres is built without OpenSSL. Digests, HMACs, random values
-- and UUIDs are those of pgcrypto. The others are there, and raise feature_not_supported when they are called: what a
-- revision does with their values cannot be known without them.

CREATE FUNCTION digest(message bytea, type text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
DECLARE
    length_in_bits bigint := length(message)::bigint * 8;
    padded bytea := message || '\x80'::bytea
        || decode(repeat('00', (119 - length(message) % 64) % 64), 'hex') || int8send(length_in_bits);
    h bigint[] := '{1732584193, 4023233417, 2562383102, 271733878, 3285377520}';
    a bigint; b bigint; c bigint; d bigint; e bigint; f bigint; k bigint; x bigint;
    w bigint[];
    mask constant bigint := 4294967295;
BEGIN
    CASE lower(type)
        WHEN 'md5' THEN RETURN decode(md5(message), 'hex');
        WHEN 'sha224' THEN RETURN sha224(message);
        WHEN 'sha256' THEN RETURN sha256(message);
        WHEN 'sha384' THEN RETURN sha384(message);
        WHEN 'sha512' THEN RETURN sha512(message);
        WHEN 'sha1' THEN NULL;
        ELSE RAISE 'Cannot use "%": No such hash algorithm', type USING ERRCODE = 'invalid_parameter_value';
    END CASE;
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
    RETURN substr(int8send(h[1]), 5) || substr(int8send(h[2]), 5) || substr(int8send(h[3]), 5)
        || substr(int8send(h[4]), 5) || substr(int8send(h[5]), 5);
END
$$;

CREATE FUNCTION digest(message text, type text) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN digest(convert_to(message, 'UTF8'), type);

CREATE FUNCTION hmac(message bytea, key bytea, type text) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    WITH sizes AS (SELECT CASE WHEN lower(type) IN ('sha384', 'sha512') THEN 128 ELSE 64 END AS size),
    keys AS (
        SELECT size, CASE WHEN length(key) > size THEN digest(key, type) ELSE key END AS short FROM sizes
    ),
    pads AS (
        SELECT string_agg(set_byte('\x00'::bytea, 0, byte # 54), ''::bytea ORDER BY i) AS inner_pad,
            string_agg(set_byte('\x00'::bytea, 0, byte # 92), ''::bytea ORDER BY i) AS outer_pad
        FROM keys, generate_series(0, size - 1) AS i,
            LATERAL (SELECT CASE WHEN i < length(short) THEN get_byte(short, i) ELSE 0 END AS byte) AS bytes
    )
    SELECT digest(outer_pad || digest(inner_pad || message, type), type) FROM pads;
END;

CREATE FUNCTION hmac(message text, key text, type text) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN hmac(convert_to(message, 'UTF8'), convert_to(key, 'UTF8'), type);

CREATE FUNCTION gen_random_uuid() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN pg_catalog.gen_random_uuid();

CREATE FUNCTION gen_random_bytes(count integer) RETURNS bytea
LANGUAGE plpgsql VOLATILE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
DECLARE
    bytes bytea := '';
BEGIN
    IF count NOT BETWEEN 1 AND 1024 THEN
        RAISE 'Length not in range' USING ERRCODE = 'external_routine_invocation_exception';
    END IF;
    WHILE length(bytes) < count LOOP
        bytes := bytes || substr(sha256(uuid_send(gen_random_uuid())), 1, 16);
    END LOOP;
    RETURN substr(bytes, 1, count);
END
$$;

DO $do$
DECLARE
    missing record;
BEGIN
    FOR missing IN VALUES
        ('crypt', 'text, text', 'text', 'IMMUTABLE'),
        ('gen_salt', 'text', 'text', 'VOLATILE'),
        ('gen_salt', 'text, integer', 'text', 'VOLATILE'),
        ('encrypt', 'bytea, bytea, text', 'bytea', 'IMMUTABLE'),
        ('decrypt', 'bytea, bytea, text', 'bytea', 'IMMUTABLE'),
        ('encrypt_iv', 'bytea, bytea, bytea, text', 'bytea', 'IMMUTABLE'),
        ('decrypt_iv', 'bytea, bytea, bytea, text', 'bytea', 'IMMUTABLE'),
        ('pgp_sym_encrypt', 'text, text', 'bytea', 'VOLATILE'),
        ('pgp_sym_encrypt', 'text, text, text', 'bytea', 'VOLATILE'),
        ('pgp_sym_encrypt_bytea', 'bytea, text', 'bytea', 'VOLATILE'),
        ('pgp_sym_encrypt_bytea', 'bytea, text, text', 'bytea', 'VOLATILE'),
        ('pgp_sym_decrypt', 'bytea, text', 'text', 'IMMUTABLE'),
        ('pgp_sym_decrypt', 'bytea, text, text', 'text', 'IMMUTABLE'),
        ('pgp_sym_decrypt_bytea', 'bytea, text', 'bytea', 'IMMUTABLE'),
        ('pgp_sym_decrypt_bytea', 'bytea, text, text', 'bytea', 'IMMUTABLE'),
        ('pgp_pub_encrypt', 'text, bytea', 'bytea', 'VOLATILE'),
        ('pgp_pub_encrypt_bytea', 'bytea, bytea', 'bytea', 'VOLATILE'),
        ('pgp_pub_encrypt', 'text, bytea, text', 'bytea', 'VOLATILE'),
        ('pgp_pub_encrypt_bytea', 'bytea, bytea, text', 'bytea', 'VOLATILE'),
        ('pgp_pub_decrypt', 'bytea, bytea', 'text', 'IMMUTABLE'),
        ('pgp_pub_decrypt_bytea', 'bytea, bytea', 'bytea', 'IMMUTABLE'),
        ('pgp_pub_decrypt', 'bytea, bytea, text', 'text', 'IMMUTABLE'),
        ('pgp_pub_decrypt_bytea', 'bytea, bytea, text', 'bytea', 'IMMUTABLE'),
        ('pgp_pub_decrypt', 'bytea, bytea, text, text', 'text', 'IMMUTABLE'),
        ('pgp_pub_decrypt_bytea', 'bytea, bytea, text, text', 'bytea', 'IMMUTABLE'),
        ('pgp_key_id', 'bytea', 'text', 'IMMUTABLE'),
        ('armor', 'bytea', 'text', 'IMMUTABLE'),
        ('armor', 'bytea, text[], text[]', 'text', 'IMMUTABLE'),
        ('dearmor', 'text', 'bytea', 'IMMUTABLE')
    LOOP
        EXECUTE format(
            'CREATE FUNCTION %I(%s) RETURNS %s LANGUAGE plpgsql %s STRICT PARALLEL SAFE AS $$'
            ' BEGIN RAISE %L USING ERRCODE = ''feature_not_supported''; END $$',
            missing.column1, missing.column2, missing.column3, missing.column4,
            format('function %s of pgcrypto is not available', missing.column1)
        );
    END LOOP;
END
$do$;
