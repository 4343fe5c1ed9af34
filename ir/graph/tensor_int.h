/* Tensors: shared copy-on-write buffers, formulas, merged constants (tensor.c); data outside any module. */
#ifndef GRAFT_TENSOR_INT_H
#define GRAFT_TENSOR_INT_H

#include "ir/graph/intern_int.h"

typedef struct gr_buffer {
  void *data;
  size_t size;
  uint32_t refs;
  bool one_block;                      /* the data lie behind this struct */
  uint8_t lead;                        /* bytes of the data's own allocation before them */
  uint8_t behind;                      /* bytes behind this struct that are for who releases (borrow.c) */
  void (*release)(struct gr_buffer *); /* NULL: data was allocated with the context */
} gr_buffer;

typedef struct gr_tensor {
  gr_name name;
  uint32_t type;
  uint8_t kind;   /* graft_tensor_kind */
  uint8_t source; /* gr_tensor_source */
  uint8_t erased;
  uint8_t updated;   /* a graph may update it; 0: none ever did */
  gr_buffer *buffer; /* NULL: a fill not yet read, or elided */
  uint64_t version;  /* differs whenever the bytes may; from 1 on */
  uint64_t hash;     /* xxHash64 of the bytes; 0: not known */
  union {
    uint64_t offset; /* in the buffer: gr_tensor_offset */
    struct {         /* of a fill */
      double lo, hi;
      gr_name fill; /* the name in its formula */
    };
  };
} gr_tensor; /* 64 bytes */

/* A tensor's type and bytes outside any module: what an evaluator takes and gives. `data` NULL: an absent operand, or
 * one that is still to be made from others. A result owns one reference of its buffer; of an operand it may be NULL
 * (borrowed bytes). */
typedef struct gr_array {
  graft_type type;
  const void *data;
  gr_buffer *buffer;
  const struct gr_unmade *from; /* of an operand in slot 0 alone */
} gr_array;

/* How an operand is made: an op with one result. Its reader may never need it whole. */
typedef struct gr_unmade {
  uint32_t op, attrs;
  const gr_array *operands;
  uint32_t operand_count;
} gr_unmade;

/* Runs one op on given operands; plugged into the rewriter by passes/, which alone sees runtime/. */
typedef graft_status (*gr_evaluator)(void *user, graft_module *m, uint32_t op, uint32_t attrs, const gr_array *operands,
                                     uint32_t operand_count, gr_array *results, uint32_t result_count, gr_loc where);

/* The words for graft_tensor_kind, in its order; each is KIND("parameter") of this list. */
#define GR_TENSOR_KINDS(KIND) KIND("parameter"), KIND("buffer"), KIND("constant")
#define GR_TENSOR_KIND_COUNT 3
extern const char *const gr_tensor_kinds[GR_TENSOR_KIND_COUNT];

typedef enum gr_tensor_source { GR_TENSOR_DATA, GR_TENSOR_FILL, GR_TENSOR_ELIDED } gr_tensor_source;

/* Where its bytes begin in the buffer; a fill has one of its own. */
static inline uint64_t gr_tensor_offset(const gr_tensor *t) { return t->source == GR_TENSOR_FILL ? 0 : t->offset; }

/* Its bytes are, or are going to be, others than any tensor of the module had. */
static inline void gr_tensor_renew(graft_module *m, gr_tensor *t);
static inline const graft_type *gr_tensor_type(const graft_module *m, graft_tensor t);
graft_tensor gr_find_tensor(graft_module *m, gr_name name);                   /* GRAFT_NONE: none */
graft_status gr_tensor_rename(graft_module *m, graft_tensor t, gr_name name); /* to one that the giver knows free */
/* Takes over one reference of `buffer` (also on failure). */
graft_tensor gr_tensor_add(graft_module *m, gr_name name, graft_tensor_kind kind, uint32_t type, gr_buffer *buffer,
                           uint64_t offset);
/* One of the same bytes, called alike with a number. GRAFT_NONE with a diagnostic. */
graft_tensor gr_tensor_copy(graft_module *m, graft_tensor t, graft_tensor_kind kind);
gr_buffer *gr_buffer_create(graft_context *c, size_t size); /* zeroed; one reference */
/* Not zeroed: large ones are not touched twice. They begin on a cache line. */
gr_buffer *gr_buffer_alloc(graft_context *c, size_t size);
gr_buffer *gr_buffer_retain(gr_buffer *b);
void gr_buffer_release(graft_context *c, gr_buffer *b);
/* Bytes of the embedder's: `release` (NULL: none) is called once, when the last reference goes, or at once where the
 * result is NULL: no memory. */
gr_buffer *gr_buffer_borrow(graft_context *c, const void *data, size_t size, graft_release release, void *user);
/* What borrows makes sure of: a release is due whatever comes. */
static inline void gr_release(graft_release release, void *user, const void *data, size_t size) {
  if (release) release(user, data, size);
}
/* The tensor takes another buffer of the right size (one reference is taken over). */
void gr_tensor_set_buffer(graft_module *m, graft_tensor t, gr_buffer *buffer, uint64_t offset);
/* Bytes for writing: copied first when shared or borrowed. */
void *gr_tensor_write(graft_module *m, graft_tensor t);
size_t gr_tensor_bytes(const graft_module *m, graft_tensor t);
uint64_t gr_tensor_hash(graft_module *m, graft_tensor t);
void gr_tensor_erase(graft_module *m, graft_tensor t);
/* All tensors whose byte is set, one a tensor, in O(tensors + handles). */
void gr_tensors_erase(graft_module *m, const uint8_t *which);
/* A rank-0 or rank-n constant equal to these bytes, merged with one the module has. */
graft_tensor gr_constant(graft_module *m, const char *name, const graft_type *type, const void *data);

#endif
