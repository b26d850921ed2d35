// What a relation must be to be read as a hamming index, and in which order it and its table are locked.
#include "index/inspect/open_index.h"

#include "index/store/access_method.h"

extern "C" {
#include "access/relation.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/index.h"
}

namespace imagehash::index {

static void refuse_to_read(Relation index, const char *reason) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot read index \"%s\"", RelationGetRelationName(index)),
                    errdetail_internal("%s", reason)));
}

OpenIndex open_hamming_index(Oid relation) {
    OpenIndex open = {nullptr, nullptr};
    // The relation may be no index, or be dropped and made anew while we wait for the lock.
    Oid heap = IndexGetRelation(relation, true);
    if (OidIsValid(heap)) open.heap = table_open(heap, AccessShareLock);
    open.index = relation_open(relation, AccessShareLock);
    Relation index = open.index;
    if (index->rd_rel->relkind != RELKIND_INDEX || !is_hamming_index(index))
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("\"%s\" is not a hamming index", RelationGetRelationName(index)),
                        index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX
                            ? errhint("Name the index of a partition.")
                            : 0));
    if (open.heap == nullptr || index->rd_index->indrelid != heap)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("could not open the table of index \"%s\"", RelationGetRelationName(index))));
    if (RELATION_IS_OTHER_TEMP(index)) refuse_to_read(index, "It is a temporary index of another session.");
    if (!index->rd_index->indisvalid) refuse_to_read(index, "The index is not valid.");
    if (RecoveryInProgress() && index->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED)
        refuse_to_read(index, "An unlogged index has no data on a standby.");
    return open;
}

void close_hamming_index(const OpenIndex &open) {
    relation_close(open.index, AccessShareLock);
    table_close(open.heap, AccessShareLock);
}

}  // namespace imagehash::index
