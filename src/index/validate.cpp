// Checks a hamming operator class: its operators and functions have known numbers and fitting types, and none
// is missing.
#include "index/validate.h"

#include "index/store/input_type.h"
#include "index/store/strategies.h"

extern "C" {
#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type_d.h"
#include "commands/defrem.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
}

namespace imagehash::index {

static void report_invalid(const char *family, const char *what) {
    ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                   errmsg("operator family \"%s\" of access method hamming %s", family, what)));
}

// The operator family that ORDER BY uses.
static Oid default_sort_family(Oid type) {
    return get_opclass_family(GetDefaultOpClass(type, BTREE_AM_OID));
}

static bool validate_operator(Form_pg_amop amop, Oid type, const char *family) {
    const OpclassShape shape = opclass_shape(input_type(type));
    const char *name = format_operator(amop->amopopr);
    if (amop->amopstrategy < kDistanceStrategy || amop->amopstrategy > shape.strategies) {
        report_invalid(family, psprintf("contains operator %s with invalid strategy number %d", name,
                                        amop->amopstrategy));
        return false;
    }
    bool is_distance = amop->amopstrategy == kDistanceStrategy;
    if (is_distance != (amop->amoppurpose == AMOP_ORDER)) {
        report_invalid(family, psprintf("contains operator %s with the wrong purpose", name));
        return false;
    }
    if (is_distance && amop->amopsortfamily != default_sort_family(shape.distance_type)) {
        report_invalid(family, psprintf("sorts operator %s by another order than that of %s", name,
                                        format_type_be(shape.distance_type)));
        return false;
    }
    Oid right_type = amop->amopstrategy == kWithinStrategy ? amop->amoprighttype : type;
    if (!check_amop_signature(amop->amopopr, is_distance ? shape.distance_type : BOOLOID, type, right_type)) {
        report_invalid(family, psprintf("contains operator %s with wrong signature", name));
        return false;
    }
    return true;
}

static bool validate_operators(Oid family_id, Oid type, const char *family) {
    bool valid = true;
    uint32 seen = 0;
    CatCList *operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(family_id));
    for (int i = 0; i < operators->n_members; i++) {
        auto amop = reinterpret_cast<Form_pg_amop>(GETSTRUCT(&operators->members[i]->tuple));
        if (validate_operator(amop, type, family))
            seen |= 1u << amop->amopstrategy;
        else
            valid = false;
    }
    ReleaseCatCacheList(operators);
    for (int strategy = kDistanceStrategy; strategy <= opclass_shape(input_type(type)).strategies;
         strategy++) {
        if (seen & (1u << strategy)) continue;
        report_invalid(family, psprintf("is missing an operator of strategy %d", strategy));
        valid = false;
    }
    return valid;
}

static bool validate_function(Form_pg_amproc amproc, Oid type, const char *family) {
    bool valid = false;
    if (amproc->amprocnum == kWithinFunction)
        valid = check_amproc_signature(amproc->amproc, BOOLOID, true, 3, 3, type, type, INT4OID);
    else if (amproc->amprocnum == kRadiusFunction)
        valid = check_amproc_signature(amproc->amproc, INT4OID, true, 2, 2, ANYOID, BOOLOID);
    if (!valid)
        report_invalid(family, psprintf("contains function %s with wrong number or signature",
                                        format_procedure(amproc->amproc)));
    return valid;
}

static bool validate_functions(Oid family_id, Oid type, const char *family) {
    bool valid = true;
    uint32 seen = 0;
    CatCList *functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(family_id));
    for (int i = 0; i < functions->n_members; i++) {
        auto amproc = reinterpret_cast<Form_pg_amproc>(GETSTRUCT(&functions->members[i]->tuple));
        if (validate_function(amproc, type, family))
            seen |= 1u << amproc->amprocnum;
        else
            valid = false;
    }
    ReleaseCatCacheList(functions);
    for (int number = kWithinFunction; number <= kSupportFunctions; number++) {
        if (seen & (1u << number)) continue;
        report_invalid(family, psprintf("is missing support function %d", number));
        valid = false;
    }
    return valid;
}

static const char *family_name(Oid family_id) {
    HeapTuple tuple = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(family_id));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for operator family %u", family_id);
    const char *name = pstrdup(NameStr(reinterpret_cast<Form_pg_opfamily>(GETSTRUCT(tuple))->opfname));
    ReleaseSysCache(tuple);
    return name;
}

bool hamming_validate(Oid opclass_id) {
    HeapTuple tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass_id));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for operator class %u", opclass_id);
    auto opclass = reinterpret_cast<Form_pg_opclass>(GETSTRUCT(tuple));
    Oid family_id = opclass->opcfamily;
    Oid type = opclass->opcintype;
    ReleaseSysCache(tuple);
    const char *family = family_name(family_id);

    bool operators = validate_operators(family_id, type, family);
    return validate_functions(family_id, type, family) && operators;
}

}  // namespace imagehash::index
