# Sessions that insert, delete and update while the index is built and rebuilt concurrently, vacuumed, merged and read: in one snapshot the index
# gives what the table has, whatever the question, and in the end it holds every row once. Hashes of 1024 bits, of which a page holds 56, so that
# few rows make many pages. SEED=n repeats the questions of a run; SECONDS_EACH=n makes each of its three parts longer.
use strict;
use warnings;

use IPC::Run;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IndexAgainstTable;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} // int(rand(1e6));
my $seconds = $ENV{SECONDS_EACH} // 10;
note "seed $seed";
srand($seed);

my $node = PostgreSQL::Test::Cluster->new('concurrent');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\njit = off\n");
$node->start;
$node->safe_psql(
	'postgres', q(
	CREATE EXTENSION imagehash;
	CREATE TABLE photo (id bigserial PRIMARY KEY, category int, h imagehash) WITH (parallel_workers = 2);  -- for builds
	-- one of 50 centers, a few bits flipped
	CREATE FUNCTION picture(r int) RETURNS imagehash LANGUAGE sql AS
		$$ SELECT overlay(repeat(md5((r % 50)::text), 8) PLACING substr(md5(r::text), 1, 8) FROM 1 + 8 * (r % 30))::imagehash $$;
	INSERT INTO photo (category, h) SELECT i % 5, CASE WHEN i % 20 > 0 THEN picture(i) END FROM generate_series(1, 5000) i;
));

my $script = $node->basedir . '/write.sql';
append_to_file($script, q(
\set r random(1, 1000000)
\set n random(1, 60)
\set what random(1, 10)
\if :what <= 6
INSERT INTO photo (category, h) SELECT i % 5, CASE WHEN i % 20 > 0 THEN picture(:r + i) END FROM generate_series(1, :n) i;
\elif :what <= 8
DELETE FROM photo WHERE id IN (SELECT id FROM photo WHERE id > (SELECT max(id) FROM photo) - 8000 AND id % 97 = :r % 97 LIMIT :n);
DELETE FROM photo WHERE id IN (SELECT id FROM photo WHERE id < (SELECT max(id) FROM photo) - 12000 LIMIT 300);
\else
UPDATE photo SET h = picture(:r) WHERE id = (SELECT max(id) FROM photo) - :r % 500;
\endif
));

# Writers at work while `during` runs again and again; they must not fail.
sub while_writing
{
	my ($what, $during) = @_;
	my ($out, $err) = ('', '');
	my @command = ('pgbench', '--no-vacuum', '--client=3', "--time=$seconds", "--file=$script", '--random-seed=' . int(rand(1e9)),
		'-h', $node->host, '-p', $node->port, '-U', getpwuid($<) // 'postgres', 'postgres');
	my $writers = IPC::Run::start(\@command, '>', \$out, '2>', \$err);
	my $end = time + $seconds - 1;
	do { $during->() } while (time < $end);
	$writers->finish;
	unlike($err, qr/ERROR|FATAL|aborted/, "$what: the writers had no error") or diag($err);
	like($out, qr/number of transactions actually processed: [1-9]/, "$what: they wrote");
}

my @questions = (
	'SELECT count(*), string_agg(d::text, $$ $$) FROM (SELECT h <~> q AS d FROM photo ORDER BY h <~> q LIMIT k) s',
	'SELECT count(*), string_agg(d::text, $$ $$) FROM (SELECT h <~> q AS d FROM photo WHERE category = 2 ORDER BY h <~> q LIMIT k) s',
	'SELECT count(*), sum(id) FROM photo WHERE hamming_within(h, q, r)',
	'SELECT count(*), sum(id) FROM photo WHERE h <~> q <= r',
	'SELECT count(*), sum(id) FROM (SELECT id FROM photo ORDER BY h <~> q OFFSET 0) s',
	'SELECT count(*), count(h) FROM (SELECT h FROM photo ORDER BY h <~> q OFFSET 0) s',
	'SELECT count(*), sum(id) FROM photo WHERE h = q',
	'SELECT count(*), sum(id) FROM photo WHERE h IS NULL');
my ($asked, $differ) = (0, 0);

# One question both ways, in one snapshot.
sub ask
{
	my $k = (1, 10, 100, 2000)[ int(rand(4)) ];
	my $r = (0, 16, 40, 500)[ int(rand(4)) ];
	my $query = 'picture(' . int(rand(1e6)) . ')';
	my $question = $questions[ int(rand(@questions)) ];
	$question =~ s/LIMIT k/LIMIT $k/;
	$question =~ s/\br\b/$r/;
	my $differing = differing_answers($node, $question, $query);
	$asked++;
	return if $differing eq '';
	$differ++;
	diag("seed $seed: $differing");
}

my $check = q(SELECT imagehash_index_check('photo_h', heapallindexed => true));

my ($builds, $rebuilds, $vacuums, $checks) = (0, 0, 0, 0);
while_writing('CREATE INDEX CONCURRENTLY', sub
{
	$node->safe_psql('postgres', 'DROP INDEX CONCURRENTLY IF EXISTS photo_h');
	$node->safe_psql('postgres', 'CREATE INDEX CONCURRENTLY photo_h ON photo USING hamming (h)');
	$node->safe_psql('postgres', $check) if ++$builds % 2;
	$node->safe_psql('postgres', 'VACUUM photo') unless $builds % 10;
});
is($node->safe_psql('postgres', $check), '', "CREATE INDEX CONCURRENTLY, $builds times: the index has every row");
while_writing('REINDEX CONCURRENTLY', sub
{
	$node->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY photo_h');
	ask() if ++$rebuilds % 2;
	$node->safe_psql('postgres', 'VACUUM photo') unless $rebuilds % 10;
});
is($node->safe_psql('postgres', $check), '', "REINDEX CONCURRENTLY, $rebuilds times: the index has every row");
while_writing('VACUUM and questions', sub
{
	ask();
	if (rand() < 0.2) { $node->safe_psql('postgres', 'VACUUM photo'); $vacuums++; }
	if (rand() < 0.1) { $node->safe_psql('postgres', $check); $checks++; }
});
note "measured: seed $seed: $builds builds, $rebuilds rebuilds, $vacuums vacuums, $checks checks, $asked questions";
is($differ, 0, "$asked questions: the index and the table agree");
cmp_ok($asked, '>', 5, 'and there were some');
is($node->safe_psql('postgres', $check), '', 'the index has every row');
$node->safe_psql('postgres', 'VACUUM photo');
is($node->safe_psql('postgres', q(SELECT hashes + nulls = (SELECT count(*) FROM photo) FROM imagehash_index_stats('photo_h'))), 't', 'and no other');
ask() for 1 .. 20;
is($differ, 0, 'the index and the table agree at rest');

# In a steady state the index stops growing: what leaves is used again. Of few rows, which are merged as a whole, and of as many as are clustered
# and merged part by part.
my $size_of_index = q(SELECT pg_relation_size('photo_h'));
for my $case ([ 4000, 4000, 3.2 ], [ 52000, 2600, 1.5 ])
{
	my ($rows, $replaced, $most) = @$case;
	$node->safe_psql('postgres', "TRUNCATE photo; INSERT INTO photo (category, h) SELECT i % 5, picture(i) FROM generate_series(1, $rows) i");
	my @sizes;
	for my $round (1 .. 12)
	{
		$node->safe_psql('postgres', "INSERT INTO photo (category, h) SELECT i % 5, picture(i * $round) FROM generate_series(1, $replaced) i");
		$node->safe_psql('postgres', "DELETE FROM photo WHERE id <= (SELECT min(id) FROM photo) + $replaced - 1");
		$node->safe_psql('postgres', 'VACUUM photo');
		push @sizes, $node->safe_psql('postgres', $size_of_index);
		$node->safe_psql('postgres', 'REINDEX INDEX photo_h') if $round == 1;
	}
	is($node->safe_psql('postgres', $check), '', "$rows rows: the index has every row");
	$node->safe_psql('postgres', 'REINDEX INDEX photo_h');
	my $fresh = $node->safe_psql('postgres', $size_of_index);
	# Pages that a snapshot still held when vacuum came by, autovacuum's say, are used a round later: a few per cent.
	cmp_ok($sizes[-1], '<=', $sizes[6] * 1.03, "$rows rows: the index stops growing: @sizes");
	cmp_ok($sizes[-1], '<=', $fresh * $most, "$rows rows: it takes at most $most times the room of a fresh one, $fresh");
}
$node->stop;
done_testing();
