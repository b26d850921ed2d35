# Every SQL statement of the documents runs as it stands, in order, each document on a database of its own; and every
# search in them is one that the index can serve, as EXPLAIN says.
#
# A statement that needs a later PostgreSQL than this one says so in a comment: -- from PostgreSQL 17.
use strict;
use warnings;

use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = $ENV{IMAGEHASH_SOURCE};
my $pictures = "$source/demo/pictures";
my $node = PostgreSQL::Test::Cluster->new('documents');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\njit = off\nwal_level = logical\n");
$node->start;
my $version = int($node->safe_psql('postgres', 'SHOW server_version_num') / 10000);

# The statements of a text, without the semicolons: quotes, dollar quotes, comments and BEGIN ATOMIC are seen.
sub statements
{
	my ($text) = @_;
	my ($statement, @found) = ('');
	while ($text =~ /\G(
		--[^\n]*\n? | \/\*.*?\*\/ | '(?:[^']|'')*' | "[^"]*" | (\$\w*\$).*?\2 | \bBEGIN\s+ATOMIC\b.*?\bEND\b | ; | [^;])/gsxi)
	{
		if ($1 eq ';') { push @found, $statement; $statement = ''; }
		else { $statement .= $1; }
	}
	push @found, $statement;
	return grep { s/--[^\n]*//gr =~ /\S/ } @found;
}

# The ```sql blocks of a Markdown file, those in lists too.
sub blocks
{
	my ($text) = @_;
	my @blocks;
	while ($text =~ /^( *)```sql\n(.*?)^\1```$/gsm)
	{
		my ($indent, $block) = ($1, $2);
		$block =~ s/^$indent//gm;
		push @blocks, $block;
	}
	return @blocks;
}

# What the plan of a search must show; nothing where the statement is none.
sub expected_of
{
	my ($statement) = @_;
	my $sql = $statement =~ s/--[^\n]*//gr;
	return () unless $sql =~ /^\s*(?:WITH|SELECT)\b/i;
	return (qr/Order By: \(.*<~>/) if $sql =~ /ORDER BY [^,()]*<~>/;
	return (qr/Index Cond: \(.*<@/) if $sql =~ /<~> .*?<=? |hamming_within\(/s;
	return (qr/Index Cond: \(.*~=/) if $sql =~ / ~= /;
	return ();
}

my $searches = 0;

# Runs statements in one session; checks the plan of each search before it is run.
sub run_document
{
	my ($name, @statements) = @_;
	my $database = 'd' . ($name =~ s/\W/_/gr);
	$node->safe_psql('postgres', qq(CREATE DATABASE "$database"));
	my ($script, @plans) = ('');
	for my $statement (@statements)
	{
		next if $statement =~ /-- from PostgreSQL (\d+)/ && $1 > $version;
		$statement =~ s/\/srv\/pictures/$pictures/g;
		for my $expected (expected_of($statement))
		{
			push @plans, [ $statement, $expected ];
			$script .= "\\qecho <plan>\nSET enable_seqscan = off;\nEXPLAIN (COSTS OFF) $statement\n;\n\\qecho </plan>\nRESET enable_seqscan;\n";
		}
		$script .= "$statement\n;\n";
	}
	my ($rc, $out, $err) = $node->psql($database, $script, on_error_stop => 1);
	is($rc, 0, "$name: " . scalar(@statements) . ' statements run') or diag($err);
	my @shown = $out =~ /^<plan>\n(.*?)^<\/plan>$/gsm;
	for my $i (0 .. $#plans)
	{
		my ($statement, $expected) = @{ $plans[$i] };
		my $title = $statement =~ s/--[^\n]*//gr =~ s/\s+/ /gr =~ s/^ //r;
		like($shown[$i] // 'no plan', $expected, "$name: " . substr($title, 0, 150));
		$searches++;
	}
}

# Documents.
my @documents;
find({ no_chdir => 1, wanted => sub { push @documents, $File::Find::name if /\.md$/ } },
	grep { -e } "$source/README.md", "$source/SECURITY.md", "$source/docs", "$source/demo", "$source/models");
for my $document (sort @documents)
{
	my @blocks = blocks(slurp_file($document));
	run_document($document =~ s/^\Q$source\E\///r, map { statements($_) } @blocks) if @blocks;
}

# The demo: its schema, pictures, and queries with values in the place of its parameters.
my %value = (
	product_id => 7, max_price => 60, answers => 5, radius => 6, name => q('A cup'), category => q('cups'), price => 9.5, stock => 3,
	supplier => q('nobody'), file => q('1.jpg'), photo => 'NULL', hash => '(SELECT hash FROM product_photo WHERE product_id = 7)');
my $setup = slurp_file("$source/demo/schema.sql") . qq(
	ALTER TABLE product_photo DISABLE TRIGGER USER;
	WITH file AS MATERIALIZED (
		SELECT name, pg_read_binary_file('$pictures/' || name) AS photo
		FROM pg_ls_dir('$pictures') AS name WHERE name ~ 'jpg\$' ORDER BY name LIMIT 60
	), new_product AS (
		INSERT INTO product (name, category, price, stock, supplier) SELECT name, 'x', 10, 5, 'y' FROM file RETURNING product_id, name)
	INSERT INTO product_photo (product_id, file, photo) SELECT product_id, name, photo FROM new_product JOIN file USING (name)
	ON CONFLICT ON CONSTRAINT product_photo_pixels DO NOTHING;
	INSERT INTO upload (file, photo) SELECT file, photo FROM product_photo LIMIT 10;
);
my @queries;
for my $file (glob "$source/demo/queries/*.sql")
{
	my $query = slurp_file($file) =~ s/%\((\w+)\)s/$value{$1} \/\/ die "$file: $1"/ger;
	# These insert what is given; the trigger and the constraint have tests of their own.
	push @queries, $query unless $query =~ /INSERT/;
}
run_document('demo', statements($setup), @queries);

ok($searches >= 8, "$searches searches were looked at");
$node->stop;
done_testing();
