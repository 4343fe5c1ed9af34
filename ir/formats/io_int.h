/* Readers and writers, one pair a format; file.c chooses by content. Readers give ownership of a module that has not
 * been verified yet (file.c does that for all of them); on failure NULL and a diagnostic. */
#ifndef GRAFT_IO_INT_H
#define GRAFT_IO_INT_H

#include "ir/ir_int.h"

/* Bytes that grow. A failed write is remembered: check `failed` once at the end. */
typedef struct gr_sink {
  graft_context *context;
  GR_VEC(char) bytes;
  bool failed;
} gr_sink;

void gr_sink_init(gr_sink *s, graft_context *c);
void gr_sink_free(gr_sink *s);
void gr_sink_write(gr_sink *s, const void *data, size_t size);
void gr_sink_text(gr_sink *s, const char *text);
void gr_sink_format(gr_sink *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gr_sink_int(gr_sink *s, int64_t value);
/* The shortest decimal that reads back as the same number (double, or float where `single`); inf, -inf, nan as words.
 */
void gr_sink_float(gr_sink *s, double value, bool single);

/* Whole files (io/read.c, io/stage.c). A mapped one is released by its last reference. */
gr_buffer *gr_file_read(graft_context *c, const char *path, bool map);
/* Writes beside `path` and renames: on failure nothing is left. */
graft_status gr_file_write(graft_context *c, const char *path, const void *bytes, size_t size);

/* text/ : `directory` is where a companion .safetensors is looked for ("" : beside nothing, an error when needed). */
/* text[size] must be NUL. */
graft_module *gr_text_parse(graft_context *c, const char *text, size_t size, const char *name, const char *directory);
typedef struct gr_text_options {
  const char *companion; /* file name of the .safetensors that holds large tensors; NULL: elide them with their hash */
  uint32_t large;        /* elements from which a tensor is large; 0: 64 */
} gr_text_options;
graft_status gr_text_print(graft_module *m, gr_sink *out, const gr_text_options *options);
#define GR_TEXT_LARGE 64
/* Does the companion hold this tensor's bytes? */
bool gr_text_is_large(graft_module *m, graft_tensor t, uint32_t large);

/* gfb/ : tensors borrow from `file` (which is retained). */
graft_module *gr_gfb_load(graft_context *c, gr_buffer *file, const char *name, bool check_hashes);
graft_status gr_gfb_save(graft_module *m, const char *path); /* streams tensors: never holds them twice */
graft_status gr_gfb_print(graft_module *m, gr_sink *out);

/* onnx/ : external data files are looked for in `directory`. */
graft_module *gr_onnx_load(graft_context *c, gr_buffer *file, const char *name, const char *directory);

/* io/ */
graft_status gr_json_print(graft_module *m, gr_sink *out);
graft_status gr_dot_print(graft_module *m, gr_sink *out);
/* .npy: any supported dtype, C or Fortran order, versions 1 to 3. `*buffer` is owned by the caller, exactly the bytes.
 */
graft_status gr_npy_read(graft_context *c, const char *path, graft_type *type, gr_buffer **buffer);
graft_status gr_npy_parse(graft_context *c, const void *bytes, size_t size, const char *name, graft_type *type,
                          gr_buffer **buffer);
graft_status gr_npy_write(graft_context *c, const char *path, const graft_type *type, const void *data);
/* .safetensors: `visit` sees each tensor in the file's order; data borrowed from `file`, and aligned for its type only
 * where the file's header has a length that allows it (ours and the reference writer's do): check, or copy. */
typedef graft_status (*gr_safetensors_visit)(void *user, const char *name, const graft_type *type, const void *data,
                                             size_t size);
graft_status gr_safetensors_parse(graft_context *c, const gr_buffer *file, const char *path, gr_safetensors_visit visit,
                                  void *user);
/* Writes the given tensors of the module. */
graft_status gr_safetensors_write(graft_module *m, const char *path, const graft_tensor *tensors, uint32_t count);

#endif
