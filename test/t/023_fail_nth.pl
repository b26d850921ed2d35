# Memory and room for files that run out: the n-th allocation, or the n-th write that makes a file longer, fails (test/lib/fail_nth.cpp), for n = 1, 2,
# 3, ... until an operation runs to its end without it: builds, merges, vacuum, scans, training. Each failure is an error, of the class that says so,
# in a session that goes on; after each the index is in order and answers as the table does. Where there are many, n grows by an eighth each time, and
# doubles where a run takes long; EVERY=1 takes each n up to 1000, then an eighth more, and more operations.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use IndexAgainstTable;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $library = (split /\n/, `pg_config --pkglibdir`)[0] . '/fail_nth.so';
plan skip_all => "$library is not built" unless -f $library;
my $every = $ENV{EVERY} // 0;

my $node = PostgreSQL::Test::Cluster->new('fail_nth');
$node->init;
$node->append_conf('postgresql.conf',
	"autovacuum = off\nfsync = off\njit = off\nmax_parallel_maintenance_workers = 2\nmax_parallel_workers_per_gather = 0\nrestart_after_crash = on\n");
{
	local $ENV{LD_PRELOAD} = $library;
	$node->start;
}
my $hash = q(overlay(repeat(md5((i % 300)::text), 8) PLACING md5(i::text) FROM 1)::imagehash);
my $query = q(repeat('c4ca4238a0b92382', 16)::imagehash);
$node->safe_psql(
	'postgres', qq(
	CREATE EXTENSION imagehash;
	CREATE FUNCTION fail_nth(int, bigint) RETURNS void AS '$library' LANGUAGE C;
	CREATE FUNCTION fail_count() RETURNS bigint AS '$library' LANGUAGE C;
	CREATE TABLE photo (id serial, h imagehash(1024)) WITH (parallel_workers = 2);
	INSERT INTO photo (h) SELECT CASE WHEN i % 20 > 0 THEN $hash END FROM generate_series(1, 7000) i;
	CREATE INDEX photo_h ON photo USING hamming (h) WITH (pending_list_limit = 64);
	$by_order
	CREATE TABLE flat (id serial, h imagehash(1024));
	CREATE INDEX flat_h ON flat USING hamming (h) WITH (pending_list_limit = 64);
	-- made before: md5() takes memory in OpenSSL, and says XX000 where there is none
	CREATE TABLE more AS SELECT i, $hash AS h FROM generate_series(1, 900) i;
	CREATE TABLE item AS SELECT (SELECT array_agg((hashint4(j * 1000 + i) / 1e9)::real) FROM generate_series(1, 1280) j) AS e FROM generate_series(1, 300) i;
	VACUUM ANALYZE photo;));

my $scan = 'SET enable_seqscan = off; SET enable_sort = off; SET imagehash.directory_cache = 0;';
my $plain = "$scan SET enable_bitmapscan = off; SET enable_indexonlyscan = off;";
my $train = sub { qq(SELECT FROM train_hasher('trained', 'SELECT e FROM item', 16, '{$_[0]}');) };
my $forget = "DELETE FROM imagehash.hasher WHERE name = 'trained';";
my $picture = q(decode('Qk06AAAAAAAAADYAAAAoAAAAAQAAAAEAAAABABgAAAAAAAQAAADEDgAAxA4AAAAAAAAAAAAA////AA==', 'base64'));
# Name, settings of the session, what is done before each time, the operation, whether it takes long.
my @operations = (
	[ 'build', 'SET max_parallel_maintenance_workers = 0;', '', 'REINDEX INDEX photo_h;' ],
	[ 'build with little memory', q(SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '1MB';), '', 'REINDEX INDEX photo_h;' ],
	[ 'parallel build', '', '', 'REINDEX INDEX photo_h;' ],
	[ 'merge by leaves', '', '', "INSERT INTO photo (h) SELECT h FROM more WHERE i <= 500;" ],
	[ 'merge', '', 'TRUNCATE flat;', "INSERT INTO flat (h) SELECT h FROM more WHERE i <= 500;" ],
	[ 'vacuum', '', "DELETE FROM photo WHERE id % 7 = :n % 7; INSERT INTO photo (h) SELECT h FROM more;", 'VACUUM photo;' ],
	[ 'ordered scan', $plain, '', "SELECT count(id) FROM (SELECT id FROM photo ORDER BY h <~> $query LIMIT 5000) s;" ],
	[ 'index-only scan', "$scan SET enable_bitmapscan = off;", '', "SELECT count(h) FROM (SELECT h FROM photo ORDER BY h <~> $query) s;" ],
	[ 'radius', $plain, '', "SELECT count(id) FROM photo WHERE hamming_within(h, $query, 500);" ],
	[ 'bitmap', "$scan SET enable_indexscan = off;", '', "SELECT count(id) FROM photo WHERE hamming_within(h, $query, 500);" ],
	[ 'check', '', '', q(SELECT imagehash_index_check('photo_h', heapallindexed => true);) ],
	# As it begins, with what it reads of the catalog: \c is a new session.
	[ 'first search of a session', '', "\\c\nSET enable_seqscan = off; LOAD 'imagehash';", "SELECT count(id) FROM (SELECT id FROM photo ORDER BY h <~> $query LIMIT 5) s;" ],
	[ 'perceptual hash', '', '', "SELECT perceptual_hash($picture);" ],
	[ 'semantic hash', '', '', "SELECT semantic_hash($picture);" ],
	[ 'random hasher', 'SET client_min_messages = error;', $forget, $train->('"algorithm": "random"') ],
	[ 'training', 'SET client_min_messages = error;', $forget, $train->('"algorithm": "autoencoder", "epochs": 1'), 1 ]);
push @operations, [ 'training of itq', 'SET client_min_messages = error;', $forget, $train->('"algorithm": "itq"'), 1 ] if $every;

# The numbers n, from the first on.
sub numbers
{
	my ($most, $is_slow) = @_;
	my @numbers = (1);
	while ((my $last = $numbers[-1]) < $most)
	{
		push @numbers, $last + ($every && $last < 1000 && !$is_slow ? 1 : $is_slow ? $last : 1 + int($last / 8));
	}
	return @numbers;
}

my (%failed, %clean);
sub fails_each
{
	my ($operation, $kind, $what, $class) = @_;
	my ($name, $settings, $before, $act, $is_slow) = @$operation;
	# What is committed is not undone: from where a transaction commits, PostgreSQL itself panics without memory, for a btree as for ours.
	my ($begin, $end) = $act =~ /^VACUUM/ ? ('', '') : ('BEGIN;', "\n\\if :failed\nROLLBACK;\n\\endif");
	my @numbers = numbers(100000, $is_slow);
	my ($out, $err, $fatal) = ('', '', 0);
	while (@numbers)
	{
		my $script = "\\set VERBOSITY verbose\n\\set n 0\n$settings\nLOAD 'imagehash'; SELECT fail_count();\n$before\n$act\n";
		foreach my $n (@numbers)
		{
			$script .= "\\set n $n
				$before
				$begin
				SELECT fail_nth($kind, $n);
				$act
				\\set failed :ERROR$end
				SELECT fail_count() AS count \\gset
				COMMIT;
				\\echo :count of $n
				SELECT 'check', imagehash_index_check('photo_h', true), imagehash_index_check('flat_h', true);
				BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SELECT 'right', * FROM by_order; COMMIT;
				SELECT :count < $n AS over \\gset
				\\if :over\n\\echo end\n\\q\n\\endif\n";
		}
		# From a file: whoever ends early must not leave half of it in a pipe.
		my $file = $node->basedir . '/script.sql';
		unlink $file;
		append_to_file($file, $script);
		my ($some, $said) = ('', '');
		$node->psql('postgres', "\\i $file", stdout => \$some, stderr => \$said, on_error_stop => 0);
		my $done = () = $some =~ /^\d+ of \d+$/mg;
		$out .= "$some\n";
		# Some settings of functions PostgreSQL stores so that it ends the session where there is no memory: another goes on.
		my $ended = $said =~ s/^.*FATAL:  53200: out of memory\n(CONTEXT:.*\n)?LOCATION:  guc_(?:malloc|realloc|strdup),.*\n(.*\n)*//m;
		$err .= $said;
		last unless $ended;
		$fatal++;
		splice @numbers, 0, $done + 1;
	}
	my $runs = () = $out =~ /^\d+ of \d+$/mg;
	my ($count) = $out =~ /^(\d+) of \d+\nc.*\n.*\nend\n*\z/m;
	# Line by line: a context may be as long as a hasher's weights.
	my @errors = map { /^(?:psql:\S+ )?((?:ERROR|FATAL|PANIC):.{0,200}|server closed.*)/ ? $1 : () } split /\n/, $err;
	# PostgreSQL itself says something else where its regular expressions or its settings run out of memory, and where a worker does while it starts.
	my $own = '2201B: regular expression failed: out of memory|22023: invalid value for parameter "(?!imagehash)';
	$own .= '|55000: (lost connection to )?parallel worker|XX000: failed to initialize (?!imagehash)|58P01: could not load library|22023: (?:out of memory|could not read time zone file)' if $name eq 'parallel build';
	my @others = grep { !/^ERROR:  ($class: |$own)/ } @errors;
	my $right = () = $out =~ /^right\|t$/mg;
	my $checked = () = $out =~ /^check\|\|$/mg;
	ok(defined $count, "$name: runs to its end when fewer than $runs $what fail") or diag(substr($out, -500), $err);
	is("@others", '', "$name: each of " . @errors . " failures of $what is an error of its class");
	is("$checked, $right", "$runs, $runs", "$name: after each index and table agree");
	$failed{$what} += @errors + $fatal;
	note "measured: $name: " . ($count // 'unknown') . " $what, " . @errors . " errors of $runs runs" . ($fatal ? ", $fatal sessions ended by PostgreSQL's settings" : '');
}

foreach my $operation (@operations)
{
	fails_each($operation, 1, 'allocations', '53200');
	fails_each($operation, 2, 'longer files', '53100');
}
note 'measured: survived ' . join(', ', map { "$failed{$_} failures of $_" } sort keys %failed);
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal/, 'no process died');
$node->stop;
done_testing();
