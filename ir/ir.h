/* graft/ir.h - the graph, its types, tensors, annotations and diagnostics; reading and writing modules.
 *
 * Who owns what. `create`, `load` and `parse` give ownership, `destroy` ends it, `get` borrows: a borrowed pointer or
 * string lives until its module (for diagnostics: its context) is changed or destroyed. Nodes, values and tensors are
 * 32-bit indices, never reused before `graft_module_compact`; GRAFT_NONE is no index.
 *
 * Errors are values. A function that can fail returns a status, NULL or GRAFT_NONE, and leaves at least one diagnostic
 * in the context. The library never prints, exits or aborts on input and has no global state: two contexts can work
 * in two threads; one context belongs to one thread at a time, and its modules with it, but for sessions with contexts
 * of their own, which may run on one module in several threads (runtime.h).
 *
 * Handles (contexts, modules, graphs, sessions, sets of rules, …) know what they are and whether they live. A NULL, a
 * handle of another kind and a destroyed one are errors (GRAFT_INVALID_ARGUMENT, NULL, GRAFT_NONE) with a diagnostic
 * in the handle's context, of getters a neutral answer; to destroy one again does nothing but say so. This is known of
 * the last 256 destroyed handles of each kind, and of those that a session or comparison stands on; a pointer to an
 * older one, or to what never was a handle, is as wild as any. A graph dies with its module; sessions and comparisons
 * of it are then good for being destroyed alone.
 *
 * Option structs begin with their size (`.size = sizeof opts`), so that they can grow without breaking the ABI: what
 * those of an older program lack is zero, the default; of a newer program's what is set beyond the end is refused,
 * since it would be passed over. A size that none of them can have (0, an odd one) is refused, all with
 * GRAFT_INVALID_ARGUMENT. In lists all have the size of the first. Structs without a size (graft_attr, graft_type,
 * graft_place, graft_quantized_value) do not grow; those that graft gives back by value grow with the soname alone. */
#ifndef GRAFT_IR_H
#define GRAFT_IR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

#if !defined(GRAFT_API)
#if defined(__GNUC__)
#define GRAFT_API __attribute__((visibility("default")))
#else
#define GRAFT_API
#endif
#endif

/* Of the header that a program is compiled with. Before 1.0 a minor version may change any of it, and then the soname
 * is another one (libgraft.so.0.2); a patch changes neither functions nor structs, and results only where they were
 * wrong. */
#define GRAFT_VERSION_MAJOR 0
/* The second number of GRAFT_VERSION. */
#define GRAFT_VERSION_MINOR 2
/* The third number of GRAFT_VERSION. */
#define GRAFT_VERSION_PATCH 0
/* The three with points between. */
#define GRAFT_VERSION "0.2.0"
/* 1.2.3 as 10203, for `#if GRAFT_VERSION_NUMBER >= 10203`. */
#define GRAFT_VERSION_NUMBER (GRAFT_VERSION_MAJOR * 10000 + GRAFT_VERSION_MINOR * 100 + GRAFT_VERSION_PATCH)
/* Whether the header is of this version or a later one. */
#define GRAFT_VERSION_AT_LEAST(major, minor, patch) (GRAFT_VERSION_NUMBER >= (major)*10000 + (minor)*100 + (patch))
/* GRAFT_VERSION of the library that the program runs with. Static, from any thread. */
GRAFT_API const char *graft_version(void);
/* GRAFT_VERSION_NUMBER of the library that the program runs with. From any thread. */
GRAFT_API uint32_t graft_version_number(void);

/* No node, value, tensor or number. */
#define GRAFT_NONE UINT32_MAX
/* Most extents of a type. */
#define GRAFT_MAX_RANK 8

/* Memory, limits and diagnostics: of everything that is made in it. */
typedef struct graft_context graft_context;
/* Tensors and graphs: a network. */
typedef struct graft_module graft_module;
/* Nodes in topological order, their values, inputs and outputs. It belongs to its module. */
typedef struct graft_graph graft_graph;
typedef uint32_t graft_node;   /* index of a node in its graph */
typedef uint32_t graft_value;  /* index of a value in its graph: an input, a node's result, or a tensor's handle */
typedef uint32_t graft_tensor; /* index of a tensor in its module */

/* What came of a call: GRAFT_OK (0), or why nothing did; the list with its texts is errors.def. */
typedef enum graft_status {
#define ERROR(code, text) GRAFT_##code,
#include "errors.def"
#undef ERROR
} graft_status;

/* The text of a status code ("out of memory"), static. */
GRAFT_API const char *graft_status_text(graft_status status);

/* ---- context and diagnostics ------------------------------------------------------------------------------------ */

/* Like realloc and free in one: `new_size` 0 frees. `old_size` is what was asked for. NULL: no memory. Memory is
 * aligned for any type. It is called from the threads that use the context; of a session that has a context of its own
 * (runtime.h) also that one's.
 *
 * All of graft's own memory comes from it, and so do the messages of ONNX and FlatBuffers. From elsewhere come: what
 * Jansson makes of a header or text of JSON while that is read or written; buffers of stdio, temporary arrays of qsort
 * and paths of realpath; mapped files (graft_load_options.map); stacks of graft's own threads; and oneDNN's objects and
 * generated code (its working memory, and weights in its layouts, are the allocator's). */
typedef void *(*graft_allocator)(void *user, void *pointer, size_t old_size, size_t new_size);

/* Threads of the embedder's, for the kernels to run in instead of threads of graft's own. */
typedef struct graft_thread_pool {
  size_t size;
  void *user;
  uint32_t threads; /* calls of `part` that may run at the same time, the calling thread's among them; at least 1 */
  /* Calls part(argument, i) for each i below `parts`, which is at most `threads`: once each, in any threads and any
   * order, and comes back when all that began have ended. What it leaves out the caller does. It is called from the
   * thread that runs a session, from two at once where two sessions run at once, and never from within a part. */
  void (*parallel_for)(void *user, uint32_t parts, void (*part)(void *argument, uint32_t i), void *argument);
} graft_thread_pool;

/* How far a call is: of passes how many are done, of a session's run how many steps. */
typedef struct graft_progress {
  size_t size;
  const char *what;     /* the pass, or "run"; "": another call. Borrowed for the call */
  uint64_t done, total; /* total 0: not known */
  uint64_t work, bytes; /* spent by the call so far; held now */
} graft_progress;
/* Called now and then from within calls that take long, in the thread that made the call: some thousand times a second,
 * so it has to be quick, and only looks: to change, run
 * passes on or destroy what was there before is GRAFT_INVALID_ARGUMENT, and the call fails with that. Another status
 * than GRAFT_OK ends the call with that status, as graft_context_cancel does with GRAFT_CANCELLED. */
typedef graft_status (*graft_progress_function)(void *user, const graft_progress *progress);

/* Of graft_context_create. */
typedef struct graft_context_options {
  size_t size;
  graft_allocator allocator; /* NULL: the C library's */
  void *allocator_user;
  uint32_t max_diagnostics; /* further ones are counted, not kept, errors before warnings; 0: 64 */
  /* What may be asked of the context, so that a small file cannot take minutes or all memory; UINT64_MAX: all. What
   * would go beyond is GRAFT_LIMIT, and names the node or tensor; a module is then the one before the pass.
   * max_bytes: held at any time, mapped files apart; 0: 768 MiB and four times the bytes that were given (files, inputs
   * of sessions, what is built). Sessions obey it too.
   * max_work: multiply-adds, or elements looked at, of one call that reads, runs passes or writes: what is computed
   * beforehand; 0: 2e9 and 64 for each byte given. What a session runs is not counted. */
  uint64_t max_bytes, max_work;
  graft_progress_function progress; /* NULL: none */
  void *progress_user;
  const graft_thread_pool *pool; /* copied; of every session of the context that is given none; NULL: graft's own */
} graft_context_options;

/* How bad a diagnostic is. */
typedef enum graft_severity { GRAFT_ERROR, GRAFT_WARNING, GRAFT_NOTE } graft_severity;

/* What a context has to say: an error, a warning, or a note to the one before it. Texts are the context's. */
typedef struct graft_diagnostic {
  graft_status code;
  graft_severity severity; /* a note belongs to the error or warning before it */
  const char *file;        /* "" when the module came from no file */
  uint32_t line, column;   /* from 1; 0 when unknown */
  const char *node;        /* name of the node concerned, or "" */
  const char *message;
  const char *source; /* the offending source line, or ""; the caret goes under `column` */
} graft_diagnostic;

/* NULL options: defaults. Returns NULL only when out of memory, or for options without their size, or a pool without
 * its size, threads or parallel_for. */
GRAFT_API graft_context *graft_context_create(const graft_context_options *options);
/* NULL is fine. What the context still has (modules, sessions, sets of rules, …) lives on until it is destroyed, and
 * the memory of the context with it; but nothing new can be made of it, and its diagnostics are not to be read any
 * more. Once the last of them is gone, the pointers to them and to the context are wild. */
GRAFT_API void graft_context_destroy(graft_context *context);
/* Ends whatever the context does: every call that reads, runs passes, plans, runs a session or writes gives
 * GRAFT_CANCELLED (or NULL), those that begin later too, until graft_context_resume. The module is then the one before
 * the pass; the updates of a step that was cancelled do not land. From any thread, and from a signal handler; calls
 * see it within some tens of milliseconds. NULL is fine. O(1), never waits. */
GRAFT_API void graft_context_cancel(graft_context *context);
/* From here on calls are no longer cancelled: to be called when none runs. */
GRAFT_API void graft_context_resume(graft_context *context);
/* How many are kept, in the order in which they were said. */
GRAFT_API uint32_t graft_diagnostic_count(const graft_context *context);
GRAFT_API uint32_t graft_diagnostic_dropped(const graft_context *context); /* past the maximum */
/* Borrowed until the next call that changes the context. An index out of range: GRAFT_OK, and empty texts. */
GRAFT_API graft_diagnostic graft_diagnostic_get(const graft_context *context, uint32_t index);
/* Whether anything was an error since the diagnostics were last cleared, kept or not. */
GRAFT_API bool graft_context_has_errors(const graft_context *context);
/* A diagnostic of the embedder's own: of a kernel, a callback, a pass. Texts are copied (a message is cut after 2047
 * bytes, the source line at its end), NULL is "". A note belongs to the error or warning that was added before it.
 * Gives `code`, so that a callback ends with `return graft_diagnostic_add(…)`; GRAFT_INVALID_ARGUMENT, with a
 * diagnostic that says so in its place: no context, no diagnostic, no message, a severity or a code that is none, an
 * error whose code is GRAFT_OK. An error that a pass of a pipeline leaves fails the pass, whatever status it returns.
 * O(length). */
GRAFT_API graft_status graft_diagnostic_add(graft_context *context, const graft_diagnostic *diagnostic);
/* Forgets all diagnostics: whoever goes on after an error clears it. */
GRAFT_API void graft_diagnostics_clear(graft_context *context);
/* "file:line:col: error: node: message", source line and caret, as snprintf does; what acts on terminals as `\x1b`. */
GRAFT_API size_t graft_diagnostic_format(const graft_diagnostic *diagnostic, char *buffer, size_t size);

/* ---- types --------------------------------------------------------------------------------------------------------
 */

/* Element types. */
typedef enum graft_dtype {
  GRAFT_UNKNOWN, /* an opaque node's result */
  GRAFT_F32,
  GRAFT_F64,
  GRAFT_I8,
  GRAFT_U8,
  GRAFT_I16,
  GRAFT_I32,
  GRAFT_I64,
  GRAFT_BOOL,
  GRAFT_F16,  /* IEEE's half; computed in f32, as BF16 is, and rounded to even */
  GRAFT_BF16, /* the upper half of an f32 */
  GRAFT_U16,
  GRAFT_U32,
  GRAFT_U64,
  GRAFT_DTYPE_COUNT
} graft_dtype;

/* The type of a value or tensor. */
typedef struct graft_type {
  graft_dtype dtype;
  int32_t rank;                 /* -1: unknown */
  int64_t dims[GRAFT_MAX_RANK]; /* -1: unknown extent; entries past rank are 0 */
} graft_type;

GRAFT_API const char *graft_dtype_name(graft_dtype dtype); /* "f32" … "u64", "?" */
GRAFT_API size_t graft_dtype_size(graft_dtype dtype);      /* bytes of an element, 0 for GRAFT_UNKNOWN */
/* Of `dims` NULL the extents are unknown; a rank below -1 is -1, one above GRAFT_MAX_RANK is that. */
GRAFT_API graft_type graft_type_make(graft_dtype dtype, int32_t rank, const int64_t *dims);
/* Elements of a type whose extents are all known, else -1; -1 too where the product exceeds 2^62. */
GRAFT_API int64_t graft_type_elements(const graft_type *type);

/* ---- modules ------------------------------------------------------------------------------------------------------
 */

/* Forms in which a module is written; the reader sees which it is. */
typedef enum graft_format {
  GRAFT_FORMAT_AUTO, /* by content */
  GRAFT_FORMAT_TEXT,
  GRAFT_FORMAT_BINARY,
  GRAFT_FORMAT_ONNX,
  GRAFT_FORMAT_JSON, /* out only */
  GRAFT_FORMAT_DOT   /* out only */
} graft_format;

/* Called once when graft no longer needs the `size` bytes that a caller lent it, in the thread that dropped the last
 * reference: it must not call graft with that context. */
typedef void (*graft_release)(void *user, const void *data, size_t size);

/* Of graft_module_load. */
typedef struct graft_load_options {
  size_t size;
  graft_format format;
  bool map; /* .gfb, external data of .onnx: map the file; one cut short while mapped raises a signal, so this is opt-in
             */
  bool check_hashes;  /* .gfb: compare every tensor's bytes with its hash */
  const char *folder; /* where a text's companion or a model's external data lies; NULL: in the folder of the file, and
                         of what comes from memory no other file is opened. No name leads out of it, by a link neither
                       */
  /* graft_module_load_memory: the bytes are not copied but lent, and neither change nor go before `release` (NULL: they
   * outlive every module that shares them), which is called once whatever comes (but for
   * options that are refused): with the last tensor that lies in them, before the function returns where it fails or
   * nothing lies in them (other formats than .gfb are read and let go). Of a .gfb not at a multiple of 64 bytes what
   * cannot be used where it lies is copied, with a warning. */
  bool borrow;
  graft_release release;
  void *release_user;
} graft_load_options;

/* A module without graphs and tensors. NULL with a diagnostic: no memory. */
GRAFT_API graft_module *graft_module_create(graft_context *context);
/* Ends the module, its graphs and tensors. NULL is fine. While a session or passes run on it (within a callback of
 * theirs) nothing happens, and a diagnostic says so. */
GRAFT_API void graft_module_destroy(graft_module *module);
/* Reads a module from a file, or from memory (`name` stands for the file in diagnostics, and is not opened). The result
 * has passed the verifier. NULL options: defaults. */
GRAFT_API graft_module *graft_module_load(graft_context *context, const char *path, const graft_load_options *options);
/* The same from `size` bytes in memory, which are read before the call ends and not kept. */
GRAFT_API graft_module *graft_module_load_memory(graft_context *context, const void *bytes, size_t size,
                                                 const char *name, const graft_load_options *options);
/* How a module is written. The last two make texts that tests can compare: what they say stands in the text itself, and
 * nothing of how the module was made. */
typedef struct graft_save_options {
  size_t size;
  graft_format format; /* GRAFT_FORMAT_AUTO: by the extension (.gir .gfb .onnx .json .dot), else text */
  bool no_provenance;  /* text, .gfb, .json: without records and sources (marks stay) */
  bool inline_data;    /* text: the elements of large tensors too, neither in a companion nor elided */
  /* .onnx: 13 to 21; 0: 17. What ONNX of that opset has no op for is an error that names the node: the pass
   * to-onnx{opset=N} (passes.h) lowers it, and is run before saving. */
  uint32_t opset;
  bool external_data; /* .onnx: large tensors in PATH.data beside it, as they are anyway where all are more than 2 GB;
                       * in memory all are inside */
} graft_save_options;

/* Writes to a temporary file beside `path` and renames it: on failure nothing is left. A text file with large tensors
 * gets a companion .safetensors. NULL options: defaults. */
GRAFT_API graft_status graft_module_save_with(graft_module *module, const char *path,
                                              const graft_save_options *options);
/* The same in a format, with the defaults for all else. */
GRAFT_API graft_status graft_module_save(graft_module *module, const char *path, graft_format format);
/* The same into memory; large tensors of a text are elided with their hash. The caller frees with graft_free. */
GRAFT_API graft_status graft_module_print_with(graft_module *module, const graft_save_options *options, char **bytes,
                                               size_t *size);
/* The same in a format, with the defaults for all else. */
GRAFT_API graft_status graft_module_print(graft_module *module, graft_format format, char **bytes, size_t *size);
/* Frees the `size` bytes that a function gave its caller. NULL is fine. */
GRAFT_API void graft_free(graft_context *context, void *pointer, size_t size);
/* Checks every constraint of every node, use lists, order and names; diagnostics name nodes and constraints. */
GRAFT_API graft_status graft_module_verify(graft_module *module);
/* Drops erased nodes, values and tensors and renumbers the rest in graph order; all indices change. On failure nothing
 * has changed. Not from within a pass (GRAFT_INVALID_ARGUMENT). */
GRAFT_API graft_status graft_module_compact(graft_module *module);
/* Hash of the structure and of the tensors' bytes, names, marks and provenance left out: equal graphs hash equal. */
GRAFT_API uint64_t graft_module_hash(graft_module *module);

/* The context that the module was made in. */
GRAFT_API graft_context *graft_module_get_context(const graft_module *module);
/* How many graphs the module has, those that nodes run among them. */
GRAFT_API uint32_t graft_module_graph_count(const graft_module *module);
/* 0 is the entry; NULL past the last one. */
GRAFT_API graft_graph *graft_module_get_graph(const graft_module *module, uint32_t index);
/* NULL with a diagnostic: no memory, no name, or one that another graph has (GRAFT_NAME). */
GRAFT_API graft_graph *graft_graph_create(graft_module *module, const char *name);

/* ---- tensors ------------------------------------------------------------------------------------------------------
 */

/* A number that is no tensor of the module (GRAFT_NONE, erased, out of range) has no name, an unknown type, no data,
 * and is a GRAFT_CONSTANT; to change it is GRAFT_INVALID_ARGUMENT with a diagnostic. So it is with nodes and values
 * below: the getters have a neutral answer, an edit is an error, and an edit that fails, of memory too, has changed
 * nothing. */

typedef enum graft_tensor_kind {
  GRAFT_PARAMETER, /* float operand in a weight role */
  GRAFT_BUFFER,    /* statistics, observer states */
  GRAFT_CONSTANT   /* the only kind that is ever merged */
} graft_tensor_kind;

/* Adds a tensor of fully known shape; copies `data` (C order, native endian). A name already taken gets a number.
 * GRAFT_NONE with a diagnostic on failure. */
GRAFT_API graft_tensor graft_tensor_create(graft_module *module, const char *name, graft_tensor_kind kind,
                                           const graft_type *type, const void *data);
/* A tensor made by formula when it is first read: element i is lo + (hi-lo) * u(name, i); design: the fill formula. */
GRAFT_API graft_tensor graft_tensor_fill(graft_module *module, const char *name, graft_tensor_kind kind,
                                         const graft_type *type, double lo, double hi);
/* Erased ones not counted: O(tensors). Indices may be greater (inspect.h: graft_tensor_limit, graft_tensor_next). */
GRAFT_API uint32_t graft_tensor_count(const graft_module *module);
/* GRAFT_NONE when no tensor is called so. */
GRAFT_API graft_tensor graft_tensor_find(graft_module *module, const char *name);
/* Name into `buffer` as snprintf does; returns its length. */
GRAFT_API size_t graft_tensor_name(const graft_module *module, graft_tensor tensor, char *buffer, size_t size);
/* Parameter, buffer or constant. */
GRAFT_API graft_tensor_kind graft_tensor_get_kind(const graft_module *module, graft_tensor tensor);
/* The type, which is known in full. */
GRAFT_API graft_type graft_tensor_get_type(const graft_module *module, graft_tensor tensor);
/* The bytes, C order; NULL when out of memory, elided (a text that kept only the hash), or no such tensor. */
GRAFT_API const void *graft_tensor_get_data(graft_module *module, graft_tensor tensor);
/* Replaces the bytes (copied); the type stays. GRAFT_INVALID_ARGUMENT: no such tensor, no data; GRAFT_TYPE: a scale or
 * zero point that a node reading it cannot compute with. */
GRAFT_API graft_status graft_tensor_set_data(graft_module *module, graft_tensor tensor, const void *data);
/* Element `index` of fill(name, lo, hi), as float. */
GRAFT_API float graft_fill_element(const char *name, uint64_t index, double lo, double hi);

/* ---- building -----------------------------------------------------------------------------------------------------
 */

/* What an attribute holds. */
typedef enum graft_attr_kind {
  GRAFT_ATTR_NONE, /* the value `none` (momentum: none) */
  GRAFT_ATTR_BOOL,
  GRAFT_ATTR_INT,
  GRAFT_ATTR_FLOAT,
  GRAFT_ATTR_STRING,
  GRAFT_ATTR_DTYPE,
  GRAFT_ATTR_INTS,
  GRAFT_ATTR_FLOATS,
  GRAFT_ATTR_GRAPH /* index of a graph of the module */
} graft_attr_kind;

/* An attribute of a node. Texts and lists are borrowed. */
typedef struct graft_attr {
  const char *name;
  graft_attr_kind kind;
  uint32_t count; /* of ints and floats */
  union {
    bool b;
    int64_t i;
    double f;
    const char *s;
    graft_dtype dtype;
    const int64_t *ints;
    const double *floats;
    uint32_t graph;
  } as;
} graft_attr;

/* Of graft_node_create. */
typedef struct graft_node_options {
  size_t size;
  const char *op;              /* name in the op table; any other name makes an opaque node */
  const graft_value *operands; /* GRAFT_NONE for an absent optional one; trailing absent ones may be left out */
  uint32_t operand_count;
  const graft_attr *attrs; /* those that differ from the op's defaults */
  uint32_t attr_count;
  uint32_t result_count;    /* 0: the op's required results */
  const char *name;         /* of the first result; NULL: made from the op's name */
  const char *source;       /* provenance: the name in the source network; NULL: none */
  const graft_type *types;  /* opaque nodes only: result types, or NULL for unknown */
  const char *const *names; /* of all results, or NULL */
  graft_node before;        /* insert before this node; 0 with `insert` false: append */
  bool insert;
  const graft_value *rest; /* operands that follow those above: a list that an op has behind others */
  uint32_t rest_count;
  /* Provenance: the nodes of the graph that this one is made of, all still there. It goes back to the source of the
   * first (`source` beside it: to that one), and gets a record of its own with theirs as parents (inspect.h). */
  const graft_node *from;
  uint32_t from_count;
  const char *pass, *rule;   /* in this record: what makes the node; NULL: "embedder", and no rule */
  const graft_value *equals; /* in this record: the value that the first result stands for, but for quantization; its
                              * name, or what it equals itself, is kept. NULL: none */
} graft_node_options;

/* Every builder gives GRAFT_NONE (or another status than GRAFT_OK) and a diagnostic when it is given what is not in the
 * graph, a NULL that it needs, what the verifier would refuse, or there is no memory, and then has added nothing. Texts
 * are copied, and may be those that graft itself gave. Removing, renaming and the like: edit.h, which also says what
 * only the verifier can find. */
/* GRAFT_NAME: a tensor, or an input or result of the graph, has the name. */
GRAFT_API graft_value graft_input_add(graft_graph *graph, const char *name, const graft_type *type);
/* The graph's single handle of a module tensor. */
GRAFT_API graft_value graft_tensor_value(graft_graph *graph, graft_tensor tensor);
/* A rank-0 constant, one for each value and dtype. Of integers a fraction is cut off, what is beyond the dtype is its
 * least or greatest number, and NaN 0. */
GRAFT_API graft_value graft_scalar(graft_graph *graph, graft_dtype dtype, double value);
/* Adds a node and infers its result types. GRAFT_NONE when the operands contradict the op, or are defined after the
 * place where it is inserted, or an attribute is a graph that does not come after this one. */
GRAFT_API graft_node graft_node_create(graft_graph *graph, const graft_node_options *options);
/* The same for the common case, giving the first result, which there must be: op, operands up to GRAFT_NONE-padded
 * `count`, attributes. */
GRAFT_API graft_value graft_build(graft_graph *graph, const char *op, const graft_value *operands, uint32_t count,
                                  const graft_attr *attrs, uint32_t attr_count);
/* Adds an output, `name` of the interface. GRAFT_NAME: another one is called so. */
GRAFT_API graft_status graft_output_add(graft_graph *graph, const char *name, graft_value value);
/* At the end of a step `tensor` takes `value`. GRAFT_INVALID_ARGUMENT: it is a constant, or updated already;
 * GRAFT_TYPE: the value has another type. */
GRAFT_API graft_status graft_update_add(graft_graph *graph, graft_tensor tensor, graft_value value);

/* ---- inspection and editing ----------------------------------------------------------------------------------------
 */

/* Strings that are given back live as long as the module. Of what is no node or value of the graph: GRAFT_NONE, 0,
 * false, "" or an unknown type, as said above. */
GRAFT_API graft_node graft_node_first(const graft_graph *graph); /* GRAFT_NONE in an empty graph */
/* GRAFT_NONE after the last one, and of a node that is not in the graph (erased: take the next one first). */
GRAFT_API graft_node graft_node_next(const graft_graph *graph, graft_node node);
GRAFT_API uint32_t graft_node_count(const graft_graph *graph);                          /* erased ones not counted */
GRAFT_API const char *graft_node_get_op(const graft_graph *graph, graft_node node);     /* "": no such node */
GRAFT_API uint32_t graft_node_operand_count(const graft_graph *graph, graft_node node); /* 0: no such node */
/* GRAFT_NONE for an absent optional operand, past the last one, and of no node. */
GRAFT_API graft_value graft_node_operand(const graft_graph *graph, graft_node node, uint32_t slot);
GRAFT_API uint32_t graft_node_result_count(const graft_graph *graph, graft_node node); /* 0: no such node */
/* GRAFT_NONE for an absent optional result, past the last one, and of no node. */
GRAFT_API graft_value graft_node_result(const graft_graph *graph, graft_node node, uint32_t index);
/* False when the node has no such attribute, or is none. Lists are borrowed until attributes are added. */
GRAFT_API bool graft_node_attr(const graft_graph *graph, graft_node node, const char *name, graft_attr *attr);
/* Both infer the node's results again; those who read them keep their types, which the pass infer-types brings up to
 * date and the verifier holds against them. GRAFT_INVALID_ARGUMENT: no such node, operand or value, or one that is
 * defined after the node. */
GRAFT_API graft_status graft_node_set_attr(graft_graph *graph, graft_node node, const graft_attr *attr);
/* Puts another value into an operand's place; GRAFT_NONE: the optional operand goes. */
GRAFT_API graft_status graft_node_set_operand(graft_graph *graph, graft_node node, uint32_t slot, graft_value value);
/* The node's results must be unused, and no spec of another place may refer to its operands or results
 * (annotations.h): GRAFT_INVALID_ARGUMENT. Erasing a node twice is GRAFT_INVALID_ARGUMENT, as any node that is not
 * there. */
GRAFT_API graft_status graft_node_erase(graft_graph *graph, graft_node node);
/* A node's name is its first result's. Into `buffer` as snprintf does; "" of what is not there. */
GRAFT_API size_t graft_node_name(const graft_graph *graph, graft_node node, char *buffer, size_t size);
/* What the node is for, where its op does not say: a word of marks.def ("inserted", "training_form"). Passes go by
 * marks; rules and passes set them on what they make, and both file formats keep them. */
GRAFT_API uint32_t graft_mark_count(void);
/* The word of a mark; NULL past the last one. */
GRAFT_API const char *graft_mark_name(uint32_t index);
/* What a mark says; NULL past the last one. */
GRAFT_API const char *graft_mark_doc(uint32_t index);
/* False of no node, or of no mark; to set what is no mark is GRAFT_NAME. */
GRAFT_API bool graft_node_has_mark(const graft_graph *graph, graft_node node, const char *mark);
/* Sets the mark or takes it away; GRAFT_INVALID_ARGUMENT: no such node. */
GRAFT_API graft_status graft_node_set_mark(graft_graph *graph, graft_node node, const char *mark, bool set);
/* Into `buffer` as snprintf does; "" of what is no value. */
GRAFT_API size_t graft_value_name(const graft_graph *graph, graft_value value, char *buffer, size_t size);
/* As graft_diagnostic_add, into the graph's context: it says the module's file and the node's name. Of what is no node
 * of the graph: the file alone. */
GRAFT_API graft_status graft_node_diagnostic(const graft_graph *graph, graft_node node, graft_severity severity,
                                             graft_status code, const char *message);
/* GRAFT_NONE when no input, result or tensor is called so. */
GRAFT_API graft_value graft_value_find(graft_graph *graph, const char *name);
/* Unknown dtype and rank of what is no value. */
GRAFT_API graft_type graft_value_get_type(const graft_graph *graph, graft_value value);
/* The node that makes the value, or GRAFT_NONE for inputs, tensors and what is no value. */
GRAFT_API graft_node graft_value_node(const graft_graph *graph, graft_value value);
/* The tensor the value is the handle of, or GRAFT_NONE. */
GRAFT_API graft_tensor graft_value_tensor(const graft_graph *graph, graft_value value);
/* 0 of what is no value. */
GRAFT_API uint32_t graft_value_use_count(const graft_graph *graph, graft_value value);
/* Every use of `from`, outputs and updates too, becomes one of `to`: O(uses). GRAFT_INVALID_ARGUMENT: one is no value,
 * or `to` is defined after a node that would read it (a node that itself reads `from`: see
 * graft_value_replace_uses_except); GRAFT_TYPE: their types differ, or a node that reads `from` cannot take `to`. */
GRAFT_API graft_status graft_value_replace_uses(graft_graph *graph, graft_value from, graft_value to);
/* How many inputs the graph has. */
GRAFT_API uint32_t graft_input_count(const graft_graph *graph);
/* Past the last one: GRAFT_NONE, and NULL for a name. */
GRAFT_API graft_value graft_input_get(const graft_graph *graph, uint32_t index);
/* How many outputs the graph has. */
GRAFT_API uint32_t graft_output_count(const graft_graph *graph);
/* The value that is given out; GRAFT_NONE past the last one. */
GRAFT_API graft_value graft_output_get(const graft_graph *graph, uint32_t index);
/* The interface's name of an output; NULL past the last one. */
GRAFT_API const char *graft_output_name(const graft_graph *graph, uint32_t index);

/* ---- the op table ---------------------------------------------------------------------------------------------------
 */

/* How many ops the table has. */
GRAFT_API uint32_t graft_op_count(void);
/* "" past the last one, here and below. */
GRAFT_API const char *graft_op_name(uint32_t index);
/* What the op computes, in a line. */
GRAFT_API const char *graft_op_doc(uint32_t index);
/* "conv2d(x, weight, bias?) {stride: ints = [1, 1], …} -> y", into `buffer` as snprintf does. */
GRAFT_API size_t graft_op_signature(uint32_t index, char *buffer, size_t size);

#if defined(__cplusplus)
}
#endif
#endif
