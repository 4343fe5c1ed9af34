/* graft/extend.h - passes and quantizers of the embedder's own, in C, for the time of a run (graft_pass_options).
 *
 *     static graft_status run(void *user, graft_module *module, graft_pass_call *call) {
 *       … graft_node_set_attr(…), graft_pass_call_add(call, "nodes tiled", 1) …
 *     }
 *     const graft_option options[] = {{.size = sizeof *options, .kind = GRAFT_OPTION_INT, .name = "width", .value =
 * "8"}}; const graft_pass tile = {.size = sizeof tile, .name = "tile", .options = options, .option_count = 1, .run =
 * run}; graft_run_passes(module, "canonicalize,tile{width=16},dce", &(graft_pass_options){ .size =
 * sizeof(graft_pass_options), .passes = &tile, .pass_count = 1});
 *
 * Who owns what: arrays and texts here are borrowed for the time of graft_run_passes or graft_check_pipeline; what a
 * callback gets, its call too, for the time of the callback. All of it happens in the caller's thread. Elements of an
 * array have the size of the first. */
#ifndef GRAFT_EXTEND_H
#define GRAFT_EXTEND_H

#include "ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* What an option holds. */
typedef enum graft_option_kind {
  GRAFT_OPTION_BOOL,  /* true, false */
  GRAFT_OPTION_INT,   /* a whole number */
  GRAFT_OPTION_FLOAT, /* a finite number */
  GRAFT_OPTION_STRING,
  GRAFT_OPTION_LIST,  /* a,b or "a,b" */
  GRAFT_OPTION_CHOICE /* one of `choices` */
} graft_option_kind;

/* An option of a pass or quantizer, as pipeline text gives it: NAME=VALUE. What is given is checked against this before
 * the first pass of the text runs; an option that is not declared is an error with the nearest name. */
typedef struct graft_option {
  size_t size;
  graft_option_kind kind;
  const char *name;    /* letters, digits and - */
  const char *value;   /* where none is given, written as in a pipeline; NULL: false, 0, "", the first choice */
  const char *choices; /* "fast|exact" */
  double least, most;  /* of numbers; both 0: no bounds */
} graft_option;

/* One call of a pass or of a quantizer's callback. */
typedef struct graft_pass_call graft_pass_call;

/* The values of declared options, those that were not given at their defaults. An option that is not declared with this
 * kind: false, 0, "", NULL, and an error in the context, which fails the pass. A string's getter takes choices and
 * lists too (a list as one text with commas). O(options). */
GRAFT_API bool graft_pass_call_bool(const graft_pass_call *call, const char *option);
/* Of a whole number. */
GRAFT_API int64_t graft_pass_call_int(const graft_pass_call *call, const char *option);
/* Of a number. */
GRAFT_API double graft_pass_call_float(const graft_pass_call *call, const char *option);
/* Of a text, a choice, a list. */
GRAFT_API const char *graft_pass_call_string(const graft_pass_call *call, const char *option);
/* The items of a list, their number into *count; NULL for none, or with an error where there is no memory. */
GRAFT_API const char *const *graft_pass_call_list(graft_pass_call *call, const char *option, uint32_t *count);
/* Was it in the text? */
GRAFT_API bool graft_pass_call_given(const graft_pass_call *call, const char *option);

/* Adds to a statistic of the pass's report (graft_pass_report.statistics, `ir-opt --stats`), which begins at 0; the
 * name is copied. GRAFT_INVALID_ARGUMENT with a diagnostic: no name, or more than 16 of them. */
GRAFT_API graft_status graft_pass_call_add(graft_pass_call *call, const char *statistic, uint64_t by);

/* Of a quantizer's callback: which of the scopes that were asked for the node is in, from 1 on (with no scope= every
 * node is in 1); 0: annotate's options leave it out, or it is of what an earlier round inserted. O(1). */
GRAFT_API uint32_t graft_pass_call_scope(const graft_pass_call *call, graft_node node);

/* A pass. It changes the module by the functions of graft/ir.h and its like (one that runs other passes by
 * graft_run_passes or graft_fuse_modules may; they run inside it). When it returns another status than GRAFT_OK, or an
 * error is among the diagnostics that came meanwhile, all that it changed is taken back and the run ends; a diagnostic
 * says which pass it was. What it leaves is verified, whatever `verify_each` says. Callbacks `before` and `after` see
 * it as any other. It may not compact the module, nor destroy it
 * (GRAFT_INVALID_ARGUMENT), and runs within runs are at most 16 deep. */
typedef struct graft_pass {
  size_t size;
  const char *name; /* in pipeline text: letters, digits and any of _-.:/+$; not that of another pass */
  const char *doc;  /* NULL: "" */
  const graft_option *options;
  uint32_t option_count;
  graft_status (*run)(void *user, graft_module *module, graft_pass_call *call);
  void *user;
  /* Instead of `run`: pipeline text, which makes it a named pipeline. Its options are those of its members, but for
   * those that the text sets. */
  const char *members;
} graft_pass;

/* "tile{width=8, …}", as graft_pass_signature has it of those that are built in, into `buffer` as snprintf does. Of a
 * named pipeline the name alone. 0 and "" of NULL, or without a name. */
GRAFT_API size_t graft_pass_describe(const graft_pass *pass, char *buffer, size_t size);

/* A quantizer in C: `annotate{quantizer=NAME}`, or prepare and prepare-qat with it, call `annotate` for each graph that
 * no node runs. It says by graft_annotate (patterns.h) what is quantized, and changes nothing else: with a change of
 * graphs it fails.
 *
 * The options of annotate hold for it: what it annotates on nodes that scope=, name=, type=, skip-name= or skip-type=
 * leave out, and what it shares or derives across scopes or from such places, is taken away again, with the places that
 * refer to those; a statistic and a warning give the count. graft_pass_call_scope tells it beforehand. Its own options
 * are those that it declares (`-` and `_` are the same); `qat`, which prepare and prepare-qat set, it may declare or
 * not. A status other than GRAFT_OK, or an error among the diagnostics, fails annotate. */
typedef struct graft_quantizer_callback {
  size_t size;
  const char *name; /* not that of a quantizer that ships or is in a set or file of the same options */
  const graft_option *options;
  uint32_t option_count;
  graft_status (*annotate)(void *user, graft_graph *graph, graft_pass_call *call);
  void *user;
} graft_quantizer_callback;

#if defined(__cplusplus)
}
#endif
#endif
