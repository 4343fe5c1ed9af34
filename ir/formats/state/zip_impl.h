/* The archive that torch.save writes: a zip whose entries are stored, not compressed, so that each is a piece of the
 * file. No library: what is read here is 46 bytes an entry and 30 before its data, and what would be gained, to
 * inflate, is what must not happen to a file from outside. Memory stays the context's, and no byte is copied. */
#ifndef GRAFT_ZIP_IMPL_H
#define GRAFT_ZIP_IMPL_H

#include "ir/formats/state/texts_impl.h"
#include "ir/graph/tensor_int.h"

typedef struct gr_zip_entry {
  uint64_t begin, data, end; /* in the file: the header before the data, the data, what follows them */
  bool packed;               /* compressed: it can not be had */
} gr_zip_entry;

typedef struct gr_zip {
  graft_context *context;
  const char *path;
  const unsigned char *bytes;
  uint64_t size;
  gr_texts names; /* of the entries, in the directory's order */
  GR_VEC(gr_zip_entry) entries;
} gr_zip;

bool gr_zip_tells(const gr_buffer *file);
/* Every entry lies within the file and apart from the others, whatever the directory says; names are there once.
 * Encrypted ones and archives of several files are refused. To be freed on failure too. */
graft_status gr_zip_read(gr_zip *z, graft_context *c, const gr_buffer *file, const char *path);
void gr_zip_free(gr_zip *z);
/* The bytes of an entry; NULL `bytes`: there is none of this name, or, with an error, it is compressed. */
gr_text gr_zip_find(const gr_zip *z, gr_text name);

#endif
