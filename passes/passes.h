/* graft/passes.h - passes and pipelines: what ir-opt --passes runs, for embedders.
 *
 * A pass has a name, a doc line, typed options and statistics. A pipeline is text: passes separated by commas, each
 * with its options in braces, as in
 *
 *     prepare-qat{quantizer=xnnpack,per-channel=true,scope="layer1,layer2"},convert
 *
 * A named pipeline (prepare-qat) is a column of passes; an option given to it goes to every member that has one of this
 * name. Values are words or "quoted text"; a list takes either rules=A,B or rules="A,B".
 *
 * Who owns what: everything a callback gets is borrowed for the time of the call. */
#ifndef GRAFT_PASSES_H
#define GRAFT_PASSES_H

#include "ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* A number that a pass counted, by name. */
typedef struct graft_pass_statistic {
  const char *name; /* "nodes removed" */
  uint64_t value;
} graft_pass_statistic;

/* What one rule did: how often it was applied; matches that it left alone since a type or an operand that it needs was
 * not there; matches that wanted a node which an earlier one wanted (with `overlaps=true`). */
typedef struct graft_rule_statistic {
  const char *name;
  uint64_t matches, refused, overlaps;
} graft_rule_statistic;

/* Layers that compute (convolutions, products, batch norms, recurrent ones) of one op, as annotate, the insertions and
 * the end of convert leave them. */
typedef struct graft_layer_statistic {
  const char *op;
  uint64_t count;
  const char *why;   /* they are left in float; NULL: they are quantized */
  const char *first; /* the first one's name */
} graft_layer_statistic;

/* What ran: a pass, or a named pipeline as a whole. Its members come before it, one deeper. */
typedef struct graft_pass_report {
  size_t size;
  const char *name;
  bool pipeline;  /* a named pipeline: its seconds are its members' and the verifier's */
  uint32_t depth; /* 0: named in the text itself */
  uint32_t index; /* in the order of starting, from 0 */
  double seconds; /* without the verifier and the callbacks for a pass; 0 in `before` */
  double verify_seconds;
  const graft_pass_statistic *statistics;
  uint32_t statistic_count;
  const graft_rule_statistic *rules; /* those that did anything, in their order */
  uint32_t rule_count;
  uint32_t number, of; /* this is number 2 of 5, in the text or in the pipeline */
  const char *in;      /* the named pipeline; "" for the text itself */
  const graft_layer_statistic *layers;
  uint32_t layer_count;
} graft_pass_report;

/* Another status than GRAFT_OK, or an error among the diagnostics that it leaves, ends the run with it, and a
 * diagnostic says so. It may change the module, which the pass before and the one after are not told of; not destroy
 * it. */
typedef graft_status (*graft_pass_callback)(void *user, graft_module *module, const graft_pass_report *report);

/* Of graft_run_passes. */
typedef struct graft_pass_options {
  size_t size;
  bool verify_each; /* the verifier after every pass; builds with assertions always do */
  graft_pass_callback before, after;
  void *user;
  const char *const *pattern_files; /* rules beside the built-in ones, for the pass `rewrite` */
  uint32_t pattern_file_count;
  const char *const *quantizer_files; /* quantizers beside the built-in ones, by the name inside the file */
  uint32_t quantizer_file_count;
  /* A quantizer in C without options of its own: `annotate{quantizer=callback}` calls it for each graph, with `user`.
   * The same as a graft_quantizer_callback called "callback" (extend.h), which says what it may do. */
  graft_status (*annotate)(void *user, graft_graph *graph);
  /* Of the embedder, for the files above (patterns.h); all have the size of the first. */
  const struct graft_predicate *predicates;
  uint32_t predicate_count;
  /* Sets beside what ships and the files (patterns.h), read once and used in any number of runs: a run reads nothing of
   * them again. They are of the module's context, and stay as they are while it runs. Their rules are known to the pass
   * `rewrite` and, with their sequences, to fuse-modules; their quantizers to whatever takes a quantizer's name. What
   * ships and is in them too (of `create` with `builtin`) counts once. Any other name that comes twice, in the sets, in
   * files or with what ships, is an error. */
  const struct graft_rules *const *rules;
  uint32_t rules_count;
  const struct graft_quantizers *const *quantizers;
  uint32_t quantizers_count;
  /* Of the embedder, in C (extend.h). */
  const struct graft_pass *passes;
  uint32_t pass_count;
  const struct graft_quantizer_callback *callbacks;
  uint32_t callback_count;
  /* Kernels for the embedder's own ops (runtime.h), which must be `pure` to be computed with: by fold-constants, by
   * `const` lines and numbers of rules. Nodes of an op that has none, or none that is pure, are never folded, merged or
   * removed. */
  const struct graft_kernel *kernels;
  uint32_t kernel_count;
} graft_pass_options;

/* Runs the passes in order over all graphs of the module. The whole text, with all that graft_check_pipeline looks at,
 * is checked before the first pass runs. A pass that fails, of memory too, leaves the module as it was before this
 * pass: valid, with what the passes before it did. NULL options: defaults. */
GRAFT_API graft_status graft_run_passes(graft_module *module, const char *pipeline, const graft_pass_options *options);
/* All that graft_run_passes would refuse before it looks at a module: syntax, passes and options, their kinds, numbers
 * and choices, options that contradict each other, names of rules and quantizers, a quantizer's options, files, sets
 * and callbacks of `options` (NULL: defaults). GRAFT_OK, or why not, with a diagnostic. O(text and what is read). */
GRAFT_API graft_status graft_check_pipeline(graft_context *context, const char *pipeline,
                                            const graft_pass_options *options);

/* The pass table, named pipelines included. */
GRAFT_API uint32_t graft_pass_count(void);
GRAFT_API const char *graft_pass_name(uint32_t index); /* NULL past the last one */
/* What the pass does, in a line; NULL past the last one. */
GRAFT_API const char *graft_pass_doc(uint32_t index);
/* A named pipeline's members as pipeline text; "" for a pass. */
GRAFT_API const char *graft_pass_members(uint32_t index);
/* "annotate{quantizer=xnnpack, scope=LIST, …}", into `buffer` as snprintf does. */
GRAFT_API size_t graft_pass_signature(uint32_t index, char *buffer, size_t size);

#if defined(__cplusplus)
}
#endif
#endif
