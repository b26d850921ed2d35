-- Hamming distance: <~>, hamming_within, <@, and what cannot be compared.
SELECT 'ff'::imagehash <~> '00', 'ff'::imagehash <~> 'fe', '9fee256239984d71'::imagehash <~> '9fee256239984d71';
SELECT repeat('ff', 128)::imagehash <~> repeat('00', 128)::imagehash;
SELECT hamming_distance('0f', 'f0'), hamming_within('0f', 'ff', 4), hamming_within('0f', 'ff', 3), hamming_within('0f', '0f', -1);
SELECT 'ff'::imagehash <~> NULL, hamming_within('ff', NULL, 1), hamming_within('ff', 'ff', NULL);
SELECT '0f'::imagehash <@ ROW('ff', 4)::hamming_ball, '0f'::imagehash <@ ROW('ff', 3)::hamming_ball,
       '0f'::imagehash <@ ROW(NULL, 3)::hamming_ball, '0f'::imagehash <@ ROW('ff', NULL)::hamming_ball, '0f'::imagehash <@ NULL;
-- against PostgreSQL's own bit strings, at every length
SELECT count(*) FROM generate_series(1, 128) n,
    LATERAL (SELECT substr(repeat(md5(n::text), 8), 1, 2 * n)::imagehash a, substr(repeat(md5((-n)::text), 8), 1, 2 * n)::imagehash b) x
WHERE a <~> b = length(replace((a::varbit # b::varbit)::text, '0', '')) AND a <~> b = b <~> a;

-- an unknown method compares with any, known ones only with their own
SELECT 'ff'::imagehash <~> 'average:fe', 'average:ff'::imagehash <~> 'average:fe', 'semantic-1a2b3c4d:ff'::imagehash <~> 'fe';
SELECT 'perceptual:ff'::imagehash <~> 'average:fe';
SELECT 'semantic-1a2b3c4d:ff'::imagehash <~> 'semantic-1a2b3c4e:fe';
SELECT hamming_within('perceptual:ff', 'average:ff', 8);
SELECT 'perceptual:ff'::imagehash <@ ROW('average:ff', 8)::hamming_ball;
SELECT 'ff'::imagehash <~> 'ffff';
SELECT hamming_within('ff', 'ffff', 3);

-- near-duplicates: a sixteenth of the bits
SELECT '0000000000000000'::imagehash ~= '000000000000000f', '0000000000000000'::imagehash ~= '000000000000001f',
    '00'::imagehash ~= '00', '00'::imagehash ~= '01', '00'::imagehash ~= NULL;
SELECT repeat('00', 32)::imagehash ~= ('ffff' || repeat('00', 30))::imagehash, repeat('00', 32)::imagehash ~= ('ffff01' || repeat('00', 29))::imagehash;
SELECT 'average:00'::imagehash ~= 'pdq:00';
SELECT '00'::imagehash ~= '0000';

-- parameters that a driver sends as text or bytes
SELECT 'ff00'::imagehash <~> 'ff01'::text AS text, 'ff01'::varchar <~> 'ff00'::imagehash AS from_the_left,
    'ff00'::imagehash <~> '\xff01'::bytea AS bytes, '\xff01'::bytea <~> 'ff00'::imagehash AS from_the_left;
SELECT 'ff00'::imagehash <~> 'perceptual:ff01'::text AS known, 'ff00'::imagehash <~> NULL::text AS unknown;
SELECT 'ff00'::imagehash <~> 'nonsense'::text;
SELECT 'ff00'::imagehash <~> ('\x89504e470d0a1a0a'::bytea || repeat('x', 500)::bytea);
PREPARE untyped AS SELECT 'ff00'::imagehash <~> $1 AS d;
EXECUTE untyped('ff01');
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'untyped';

-- radii of all types of numbers
SELECT hamming_radius(4::int2, true), hamming_radius(4::int2, false), hamming_radius(4, false), hamming_radius(4::int8, false),
    hamming_radius(4.5::float4, true), hamming_radius(4.5::float8, false), hamming_radius(4.5, false), hamming_radius(4.0, false), hamming_radius(4.0, true);
SELECT hamming_radius(-0.5, true), hamming_radius(0, false), hamming_radius('NaN'::float8, false), hamming_radius('Infinity'::float4, true),
    hamming_radius('-Infinity'::float8, true), hamming_radius(1e400, true), hamming_radius(9223372036854775807, false), hamming_radius(2147483647, true),
    hamming_radius(NULL::int, true);
SELECT hamming_radius('4'::text, true);
