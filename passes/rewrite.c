/* Applying rules by name: the pass `rewrite`, its aliases and the passes that are nothing but rules. */
#include <stdio.h>
#include <string.h>

#include "passes/passes_impl.h"

/* A rule's counts go to those that it has from other graphs. */
bool gr_count_rule(void *user, const gr_rule_stats *stats) {
  gr_pass *p = user;
  graft_rule_statistic *r = NULL;
  for (uint32_t i = 0; i < p->rules.len && !r; i++)
    if (p->rules.data[i].name == stats->name) r = &p->rules.data[i];
  if (!r) {
    if (!gr_vec_push(p->context, &p->rules, ((graft_rule_statistic){.name = stats->name}))) return false;
    r = &p->rules.data[p->rules.len - 1];
  }
  r->matches += stats->matches;
  r->refused += stats->refused;
  r->overlaps += stats->overlaps;
  return true;
}

/* The same of rules that may be gone when the report is read. */
bool gr_count_rule_copied(void *user, const gr_rule_stats *stats) {
  gr_pass *p = user;
  gr_rule_stats kept = *stats;
  for (uint32_t i = 0; i < p->rules.len; i++)
    if (strcmp(p->rules.data[i].name, stats->name) == 0) kept.name = p->rules.data[i].name;
  if (kept.name == stats->name) kept.name = gr_arena_copy(&p->text, stats->name, strlen(stats->name));
  return kept.name && gr_count_rule(p, &kept);
}

static void count_rewrites(gr_pass *p, const gr_rewrite_stats *stats) {
  gr_count(p, "matches", stats->matches);
  gr_count(p, "nodes added", stats->nodes_added);
  gr_count(p, "nodes removed", stats->nodes_erased);
  if (stats->tensors_added) gr_count(p, "tensors added", stats->tensors_added);
  if (stats->unfit) gr_count(p, "matches that do not fit", stats->unfit);
  if (stats->overlaps) gr_count(p, "overlaps", stats->overlaps);
}

/* `how`: what the options of the pass say; the rest is the pass's own. `live`: what is updated is no constant. */
static graft_status apply_rules(gr_pass *p, const char *rules, gr_rewrite_options how, bool live, gr_loc where) {
  gr_arena arena;
  gr_arena_init(&arena, p->context);
  uint32_t count = 0;
  const char **names = gr_list_split(&arena, rules, &count);
  const graft_rules *set = names ? gr_pass_env_rules(p->env, names, count, p->module) : NULL;
  graft_status s = set ? GRAFT_OK : names ? GRAFT_RULE : gr_no_memory(p->context);
  gr_updated updated = {0};
  if (!s && live) s = gr_updated_find(&updated, p->module) ? GRAFT_OK : GRAFT_NO_MEMORY;
  how.updated = live ? &updated : NULL;
  how.pass = p->info->name;
  how.marks = p->info->marks;
  how.where = where;
  how.evaluate = gr_pass_evaluator(p, &how.evaluate_user);
  how.count_rule = gr_count_rule;
  how.count_user = p;
  for (uint32_t i = 0; !s && i < p->module->graphs.len; i++) {
    gr_rewrite_stats stats = {0};
    s = gr_rewrite(p->module->graphs.data[i], set, names, count, &how, &stats);
    count_rewrites(p, &stats);
  }
  gr_updated_free(&updated, p->context);
  gr_arena_free(&arena);
  return s;
}

graft_status gr_apply_rules(gr_pass *p, const char *rules, gr_loc where) {
  return apply_rules(p, rules, (gr_rewrite_options){0}, false, where);
}

static uint64_t max_rewrites(const gr_pass *p) {
  int64_t most = gr_option_int(p, "max-rewrites");
  return most > 0 ? (uint64_t)most : 0;
}

graft_status gr_settle_rules(gr_pass *p, const char *rules) {
  return apply_rules(p, rules, (gr_rewrite_options){.fixed_point = true}, true, (gr_loc){0});
}

graft_status gr_check_rewrite(gr_pass *p) {
  const gr_loc where = gr_option_loc(p, "rules");
  uint32_t count = 0;
  const char **names = gr_list_split(&p->text, gr_option_string(p, "rules"), &count);
  graft_rules *set = NULL;
  graft_status s = names ? gr_pass_env_all_rules(p->env, &set) : gr_no_memory(p->context);
  if (!s && count == 0)
    s = gr_error(p->context, GRAFT_INVALID_ARGUMENT, where, "'%s' needs the option 'rules'", p->info->name);
  for (uint32_t i = 0; names && i < count && !s; i++) s = gr_rules_check_name(set, names[i], where);
  return s;
}

graft_status gr_pass_rewrite(gr_pass *p) {
  if (p->info->members) return gr_apply_rules(p, p->info->members, (gr_loc){0});
  gr_rewrite_options how = {.fixed_point = gr_option_bool(p, "fixed-point"),
                            .max_rewrites = max_rewrites(p),
                            .report_overlaps = gr_option_bool(p, "overlaps")};
  return apply_rules(p, gr_option_string(p, "rules"), how, false, gr_option_loc(p, "rules"));
}

static uint64_t matches_of(const gr_pass *p, const char *rule) {
  for (uint32_t i = 0; i < p->rules.len; i++)
    if (strcmp(p->rules.data[i].name, rule) == 0) return p->rules.data[i].matches;
  return 0;
}

graft_status gr_form_rules(const gr_pass *p, const char *const **rules) {
  static const char *const approximate[] = {NULL}, *const exact[] = {"exact_bn_scale", NULL},
                           *const stable[] = {"exact_bn_scale", "stable_conv_bn", NULL},
                           *const automatic[] = {"exact_bn_scale", "even_bn_scale", "stable_conv_bn", NULL};
  const char *form = gr_option_string(p, "form");
  *rules = strcmp(form, "stable") == 0 ? stable : strcmp(form, "auto") == 0 ? automatic : approximate;
  if (!gr_option_bool(p, "exact")) return GRAFT_OK;
  if (*rules != approximate)
    return gr_error(p->context, GRAFT_INVALID_ARGUMENT, gr_option_loc(p, "exact"),
                    "exact is of the approximate form: the form '%s' divides by no scale", form);
  *rules = exact;
  return GRAFT_OK;
}

graft_status gr_check_fuse_conv_bn_qat(gr_pass *p) {
  const char *const *form;
  return gr_form_rules(p, &form);
}

graft_status gr_pass_fuse_conv_bn_qat(gr_pass *p) {
  const char *const *form;
  graft_status s = gr_form_rules(p, &form);
  if (!s) s = gr_apply_rules(p, "fuse_conv_bn_qat", (gr_loc){0});
  for (; !s && *form; form++) {
    s = gr_apply_rules(p, *form, (gr_loc){0});
    if (!form[1] && strcmp(*form, "stable_conv_bn") == 0)
      gr_count(p, "layers in the stable form", matches_of(p, "stable_conv_bn"));
  }
  return s;
}

graft_status gr_pass_canonicalize(gr_pass *p) {
  gr_rewrite_options how = {.fixed_point = true, .max_rewrites = max_rewrites(p)};
  return apply_rules(p, "canonicalize", how, true, (gr_loc){0});
}
