// A list, the one used last in front. A directory that is in use stays; its users are counted by callbacks of
// their memory contexts, so an error releases it too.
#include "index/store/directory_cache.h"

#include "pg/server/settings.h"

extern "C" {
#include "utils/memutils.h"
}

namespace imagehash::index {

static TierDirectory *kept;  // last used first

static TierDirectory *find_kept(uint64 id) {
    for (TierDirectory **link = &kept; *link != nullptr; link = &(*link)->next) {
        TierDirectory *directory = *link;
        if (directory->id != id) continue;
        *link = directory->next;
        directory->next = kept;
        kept = directory;
        return directory;
    }
    return nullptr;
}

// Lets those go that nobody uses, beyond the room there is.
static void drop_unused() {
    const Size room = pg::directory_cache() * static_cast<Size>(1024);
    Size bytes = 0;
    for (TierDirectory **link = &kept; *link != nullptr;) {
        TierDirectory *directory = *link;
        bytes += directory->bytes;
        if (bytes > room && directory->users == 0) {
            bytes -= directory->bytes;
            *link = directory->next;
            MemoryContextDelete(directory->context);
        } else {
            link = &directory->next;
        }
    }
}

// Runs when the user's context is reset or deleted, after an error too.
static void release_directory(void *directory) {
    static_cast<TierDirectory *>(directory)->users--;
    drop_unused();
}

TierDirectory *cached_tier(Relation index, const Tier &tier, int words, int bits) {
    auto callback = static_cast<MemoryContextCallback *>(palloc0(sizeof(MemoryContextCallback)));
    TierDirectory *directory = find_kept(tier.id);
    if (directory != nullptr && (directory->leaves != tier.leaves || directory->groups != tier.groups ||
                                 directory->words != words || directory->bits != bits))
        report_corruption(index, tier.root.block, "Another tier has the same id.");
    if (directory == nullptr) {
        directory = load_tier(index, tier, words, bits);
        MemoryContextSetParent(directory->context, CacheMemoryContext);
        directory->next = kept;
        kept = directory;
    }
    directory->users++;
    callback->func = release_directory;
    callback->arg = directory;
    MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
    return directory;
}

TierStatistics cached_statistics(Relation index, const Tier &tier) {
    TierDirectory *directory = find_kept(tier.id);
    return directory != nullptr ? directory->statistics : read_statistics(index, tier);
}

}  // namespace imagehash::index
