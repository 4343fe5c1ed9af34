/* Quantizer files for the folders above: which edges and values of a graph are quantized, and how
 * (quantizers/README.md). */
#ifndef GRAFT_QUANTIZER_INT_H
#define GRAFT_QUANTIZER_INT_H

#include "patterns/patterns_int.h"

typedef struct gr_quantizer gr_quantizer;

/* Of the quantizers that ship none is read before it is needed; the names of all are taken. */
graft_quantizers *gr_quantizers_create_pending(graft_context *context);
/* The quantizer of this name; NULL with GRAFT_OK: there is none. */
graft_status gr_quantizers_need(graft_quantizers *quantizers, const char *name, const gr_quantizer **q);
bool gr_quantizers_knows(const graft_quantizers *quantizers, const char *name); /* one that ships, too */
/* Adds the quantizers of a set that outlives this one, without reading them again; those that ship are left out. */
graft_status gr_quantizers_borrow(graft_quantizers *quantizers, const graft_quantizers *from);
const graft_context *gr_quantizers_context(const graft_quantizers *quantizers);
void gr_quantizers_use(const graft_quantizers *quantizers, bool begins); /* as gr_rules_use */
/* All names: those that ship, too. */
void gr_quantizers_offer(const graft_quantizers *quantizers, gr_closest *near);
/* GRAFT_NONE as index: no quantizer is called so. */
const gr_quantizer *gr_quantizers_find(const graft_quantizers *quantizers, const char *name);

/* Is a rule for rewriting, a file of them or a rule of these quantizers (by number) called so? An error where none is.
 * Either may be NULL. */
bool gr_explain_known(const graft_rules *rules, const graft_quantizers *quantizers, const uint32_t *which,
                      uint32_t count, graft_context *c, const char *name);

/* What a quantizer made of a node. */
enum gr_annotate_outcome {
  GR_NO_RULE,  /* no rule in force names its op */
  GR_NO_MATCH, /* those that do, do not match */
  GR_NO_PLACE, /* a match was refused: not f32, another scope, q/dq of the file that do not fit */
  GR_SKIPPED,  /* a rule claims it and annotates nothing */
  GR_ANNOTATED /* a rule claimed it */
};

typedef struct gr_annotate_options {
  const gr_option_text *options; /* `per-channel` or `per_channel` */
  uint32_t option_count;
  const char *const *others; /* names of options that who calls has itself, ended by NULL: one may have been meant */
  gr_evaluator evaluate;     /* for numbers in matches; NULL: only those that are stored are known */
  void *evaluate_user;
  uint8_t *outcome; /* by node: gr_annotate_outcome; NULL: nobody wants to know */
  /* Gets what each rule that matched anything did, in their order; NULL: nobody asks. */
  bool (*count_rule)(void *user, const gr_rule_stats *stats);
  void *count_user;
  bool requantize;       /* values whose q/dq came with the file get places too */
  const uint32_t *scope; /* by node: 0 is left alone; nothing matches or is shared across different ones */
  /* By node: which unit it is of; 0: none. A match takes all nodes of a unit and no others, or none of it. NULL: there
   * are no units. `unit_size`: by unit. */
  const uint32_t *unit, *unit_size;
} gr_annotate_options;

typedef struct gr_annotate_stats {
  uint32_t matches, places, overlaps; /* overlaps: matches that wanted a node that was claimed already */
  uint32_t given;                     /* places that are not made, since their q/dq came with the file */
} gr_annotate_stats;

/* An error where an option is not the quantizer's, or its value of another kind. */
graft_status gr_annotate_check(graft_context *c, const gr_quantizer *q, const gr_annotate_options *options);
/* Rule by rule in the file's order, nodes in graph order; the first rule to match a node claims it. A node that has
 * annotations already is claimed from the start. */
graft_status gr_annotate(graft_graph *g, const gr_quantizer *q, const gr_annotate_options *options,
                         gr_annotate_stats *stats);

#endif
