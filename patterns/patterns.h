/* graft/patterns.h - rule sets: make, add files, list. A rule is text (patterns/LANGUAGE.md); those that ship are
 * compiled into the library. Rules are applied by the pass `rewrite{rules=A,B}` and its aliases (passes.h).
 *
 * Who owns what: `create` gives ownership, `destroy` ends it; texts are copied; strings are borrowed until the set is
 * destroyed. A set belongs to its context and may be used for any of its modules. */
#ifndef GRAFT_PATTERNS_H
#define GRAFT_PATTERNS_H

#include "annotations.h" /* annotating in C: what a quantizer file does */
#include "ir.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* A set of rules. */
typedef struct graft_rules graft_rules;

/* A set with the rules that ship, or an empty one. NULL with a diagnostic on failure. */
GRAFT_API graft_rules *graft_rules_create(graft_context *context, bool builtin);
/* NULL is fine. While passes run with the set it stays, and an error says so; nothing can be added to it either. */
GRAFT_API void graft_rules_destroy(graft_rules *rules);
/* Adds the rules of a text; `name` stands for the file in diagnostics, and rules of it can be listed by it. On failure
 * nothing is added and diagnostics say where the text is wrong. */
GRAFT_API graft_status graft_rules_add(graft_rules *rules, const char *text, size_t size, const char *name);
/* The same of a file. */
GRAFT_API graft_status graft_rules_load(graft_rules *rules, const char *path);

/* How many rules the set has. */
GRAFT_API uint32_t graft_rules_count(const graft_rules *rules);
GRAFT_API const char *graft_rules_name(const graft_rules *rules, uint32_t index); /* NULL past the last one, as below */
/* The comment above the rule: its algebra and why it is sound. */
GRAFT_API const char *graft_rules_doc(const graft_rules *rules, uint32_t index);
/* The file's name as given to graft_rules_add; "qat/fuse_conv_bn_qat.pat" for rules that ship. */
GRAFT_API const char *graft_rules_file(const graft_rules *rules, uint32_t index);
/* Does some rule of the set say what flows back through the op (an index of the table)? Ops of the family
 * "not_differentiable" need none: nothing flows through them. O(rules). */
GRAFT_API bool graft_rules_have_gradient(const graft_rules *rules, uint32_t op);

/* For each rule that looks at a node (called by its first result's name, or its source's): where it matches, or the
 * check that failed and why, or why its rewrite does not fit (tried, and taken back); before that the node's
 * annotations, with the quantizer, options and rule that each is from. `rule` NULL, or the one rule, file or folder of
 * rules that is asked about. NUL-terminated; the caller frees *text with graft_free(context, *text, *size).
 * On failure (no such node, or no such rule in the set: GRAFT_NAME, with the nearest name) it is NULL. */
GRAFT_API graft_status graft_rules_explain(const graft_rules *rules, graft_graph *graph, const char *node,
                                           const char *rule, char **text, size_t *size);

/* A predicate in C, for conditions of rules and quantizers: `where mine(%x, %y)`. It is called with as many values as
 * `arity` says, all there (over an absent one it is false), must always give the same answer for the same graph, and
 * only looks: to change, run passes on or destroy what was there before is an error, which fails the pass. `name` is
 * copied: lower-case letters, digits, _. Add predicates before the files that use them. */
typedef struct graft_predicate {
  size_t size;
  const char *name;
  uint32_t arity; /* 1 to 8 */
  bool (*holds)(void *user, const graft_graph *graph, const graft_value *values, uint32_t count);
  void *user;
} graft_predicate;
/* Makes the predicate known to files that are added later. GRAFT_NAME: a name that is taken or no name. */
GRAFT_API graft_status graft_rules_add_predicate(graft_rules *rules, const graft_predicate *predicate);

/* ---- quantizers: which edges and values are quantized, and how (patterns/quantizers/README.md) ---- */

/* A set of quantizers. */
typedef struct graft_quantizers graft_quantizers;

/* The same for sets of quantizers; the pass `annotate{quantizer=NAME}` uses them. A file holds one quantizer. */
GRAFT_API graft_quantizers *graft_quantizers_create(graft_context *context, bool builtin);
/* As graft_rules_destroy. */
GRAFT_API void graft_quantizers_destroy(graft_quantizers *quantizers);
/* As graft_rules_add, of the text of a quantizer. */
GRAFT_API graft_status graft_quantizers_add(graft_quantizers *quantizers, const char *text, size_t size,
                                            const char *name);
/* The same of a file. */
GRAFT_API graft_status graft_quantizers_load(graft_quantizers *quantizers, const char *path);

/* As graft_rules_add_predicate. */
GRAFT_API graft_status graft_quantizers_add_predicate(graft_quantizers *quantizers, const graft_predicate *predicate);

/* How many quantizers the set has. */
GRAFT_API uint32_t graft_quantizers_count(const graft_quantizers *quantizers);
/* The name; NULL past the last one, as below. */
GRAFT_API const char *graft_quantizers_name(const graft_quantizers *quantizers, uint32_t index);
/* "xnnpack{per-channel=false, …}": its options and their defaults, into `buffer` as snprintf does. */
GRAFT_API size_t graft_quantizers_signature(const graft_quantizers *quantizers, uint32_t index, char *buffer,
                                            size_t size);
/* The comment above the quantizer. */
GRAFT_API const char *graft_quantizers_doc(const graft_quantizers *quantizers, uint32_t index);
/* The file's name as given to graft_quantizers_add; that of the source for quantizers that ship. */
GRAFT_API const char *graft_quantizers_file(const graft_quantizers *quantizers, uint32_t index);

/* As graft_rules_explain, for the rules of one quantizer with the default values of its options. */
GRAFT_API graft_status graft_quantizers_explain(const graft_quantizers *quantizers, uint32_t index, graft_graph *graph,
                                                const char *node, const char *rule, char **text, size_t *size);

#if defined(__cplusplus)
}
#endif
#endif
