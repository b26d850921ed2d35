# A streaming standby replays the index (hashes of 1024 bits, so that few rows make many pages, and are merged): the same answers in the same order, through inserts, deletes, vacuum and
# rebuilds, while it is being read.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
# Replay compares every page it writes with the one that the primary wrote.
$primary->append_conf('postgresql.conf', "wal_consistency_checking = 'generic'\n");
$primary->start;
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\n");
$standby->start;

my $nearest = q(
	SET enable_seqscan = off;
	SET enable_sort = off;
	SELECT string_agg(d::text, ' ') FROM (SELECT h <~> repeat('c4ca4238a0b92382', 16)::imagehash AS d FROM photo ORDER BY h <~> repeat('c4ca4238a0b92382', 16)::imagehash LIMIT 500) s
	UNION ALL SELECT count(*)::text FROM photo WHERE hamming_within(h, repeat('c4ca4238a0b92382', 16)::imagehash, 470)
	UNION ALL SELECT count(*)::text FROM photo WHERE h IS NULL;
);

sub same_answers
{
	my ($what) = @_;
	$primary->wait_for_catchup($standby);
	is($standby->safe_psql('postgres', $nearest), $primary->safe_psql('postgres', $nearest), $what);
}

$primary->safe_psql(
	'postgres', q(
	CREATE EXTENSION imagehash;
	CREATE TABLE photo (id serial, h imagehash);
	INSERT INTO photo (h) SELECT repeat(md5(i::text), 8)::imagehash FROM generate_series(1, 5000) i;
	CREATE INDEX photo_h ON photo USING hamming (h);
));
same_answers('built');
for my $cycle (1 .. 3)
{
	$primary->safe_psql('postgres', "INSERT INTO photo (h) SELECT CASE WHEN i % 10 = 0 THEN NULL ELSE
		repeat(md5((i * $cycle)::text), 8)::imagehash END FROM generate_series(1, 8000) i");
	same_answers("cycle $cycle: inserted");
	$primary->safe_psql('postgres', "DELETE FROM photo WHERE id % 3 = $cycle % 3");
	same_answers("cycle $cycle: deleted");
	$primary->safe_psql('postgres', 'VACUUM photo');
	same_answers("cycle $cycle: vacuumed");
}
$primary->safe_psql('postgres', 'REINDEX INDEX photo_h');
same_answers('rebuilt');
$primary->safe_psql('postgres', 'DELETE FROM photo; VACUUM photo;');
same_answers('emptied');

# A standby that becomes the primary can write.
$standby->promote;
$standby->safe_psql('postgres', q(INSERT INTO photo (h) VALUES (repeat('c4ca4238a0b92382', 16)::imagehash)));
is( $standby->safe_psql('postgres', q(SET enable_seqscan = off; SELECT h <~> repeat('c4ca4238a0b92382', 16)::imagehash FROM photo ORDER BY h <~> repeat('c4ca4238a0b92382', 16)::imagehash)),
	'0', 'promoted and written to');

$standby->stop;
$primary->stop;
done_testing();
