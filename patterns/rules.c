/* Rule sets: files of rules, those that ship and those that users add. */
#include "patterns/rewrite_impl.h"

#include "ir/formats/file_int.h"
#include "patterns/rules_impl.h"

#include <stdio.h>
#include <string.h>

/* The comment lines right above `rule`, marks taken off. */
static const char *heading(gr_arena *arena, const char *text, const char *line) {
  const char *from = line;
  while (from > text) {
    const char *p = from - 1;
    while (p > text && p[-1] != '\n') p--;
    if (*p != '#') break;
    from = p;
  }
  char *doc = gr_arena_alloc(arena, (size_t)(line - from) + 1);
  if (!doc) return NULL;
  size_t n = 0;
  for (const char *p = from; p < line;) {
    if (*p == '#') p++;
    if (*p == ' ') p++;
    while (p < line && *p != '\n') doc[n++] = *p++;
    if (p < line) doc[n++] = *p++;
  }
  while (n > 0 && doc[n - 1] == '\n') n--;
  doc[n] = '\0';
  return doc;
}

static bool expect_word(gr_parser *p, const char *word, const char *quoted) {
  if (gr_lex_accept_word(&p->lex, word)) return true;
  gr_lex_unexpected(&p->lex, quoted);
  return false;
}

/* The file with a rule of the name: one that is there, or that ships and is not read yet. */
static const char *file_with(const graft_rules *set, const char *name) {
  uint32_t same = gr_named_find(&set->names, name, strlen(name));
  if (same < set->rules.len) return set->rules.data[same]->file;
  return set->base ? file_with(set->base, name) : gr_shipped_file_with(set, name);
}

static pt_rule *parse_rule(graft_rules *set, gr_rule_file *f, gr_parser *p, const char *text) {
  pt_rule *rule = gr_arena_alloc(p->arena, sizeof *rule);
  if (!rule) return NULL;
  *rule = (pt_rule){.file = f->name, .place = f->ships ? f->place << 16 | f->met : 0, .where = gr_lex_loc(&p->lex)};
  rule->doc = heading(p->arena, text, p->lex.token.source);
  gr_lex_next(&p->lex);
  gr_token name = p->lex.token;
  rule->where = gr_lex_loc(&p->lex);
  if (!rule->doc || !gr_lex_expect(&p->lex, GR_T_IDENT, "the rule's name")) return NULL;
  rule->name = gr_arena_copy(p->arena, name.text, name.length);
  if (!rule->name) return NULL;
  if (set->rules.len >= PT_MAX_RULES) {
    gr_error(p->context, GRAFT_RULE, rule->where, "more than %d rules", PT_MAX_RULES);
    return NULL;
  }
  const char *file = file_with(set, rule->name);
  if (file) {
    gr_error(p->context, GRAFT_RULE, rule->where, "there is a rule %s already, in %s", rule->name, file);
    return NULL;
  }
  if (!rule->doc[0]) {
    gr_error(p->context, GRAFT_RULE, rule->where,
             "the rule %s has no heading: say above it, in a comment, what it does and why that is sound", rule->name);
    p->failed = true; /* its lines are read all the same, for their errors */
  }
  pt_parse sections = {.parser = p, .rewrite = true};
  if (!gr_lex_marks(&p->lex, &rule->marks) || !expect_word(p, "match", "`match`")) return NULL;
  rule->pattern = gr_pt_parse_match(p, false);
  if (!rule->pattern) return NULL;
  if (!gr_lex_accept_word(&p->lex, "rewrite")) {
    (void)gr_pt_compile_match(p, rule->pattern); /* its errors */
    return expect_word(p, "rewrite", "`rewrite`"), NULL;
  }
  sections.names = &rule->pattern->names;
  gr_pt_parse_items(&sections, &rule->rewrite);
  p->failed |= !gr_pt_compile_match(p, rule->pattern);
  return gr_pt_compile_rewrite(p, rule) && !p->failed ? rule : NULL;
}

/* To the next declaration, or the end. Only texts that ship are read so: nothing but sections and declarations stands
 * at the start of a line there. */
static bool skip_rule(gr_lexer *l) {
  const char *line = l->token.source;
  uint32_t number = l->token.line;
  for (;;) {
    const char *newline = memchr(line, '\n', (size_t)(l->end - line));
    line = newline ? newline + 1 : l->end;
    number++;
    if (line < l->end && (*line < 'a' || *line > 'z' || *line == 'm' || *line == 'w' || strncmp(line, "rew", 3) == 0))
      continue;
    gr_lex_seek(l, line, number);
    return true;
  }
}

/* What it does is said above it, as above a rule. first: of the file's sequences. */
static bool parse_sequence(graft_rules *set, gr_parser *p, const char *text, uint32_t first) {
  const gr_loc where = gr_lex_loc(&p->lex);
  const char *doc = heading(p->arena, text, p->lex.token.source);
  gr_sequence *s = doc ? gr_parse_sequence(p) : NULL;
  if (!s || p->failed) return false;
  if (!doc[0]) {
    gr_error(p->context, GRAFT_RULE, where,
             "the sequence has no heading: say above it, in a comment, why it is one module");
    return false;
  }
  for (uint32_t i = first; i < set->sequences.len; i++)
    if (gr_sequence_covers(s, set->sequences.data[i])) {
      gr_error(p->context, GRAFT_RULE, where,
               "the sequence of line %u is never taken: this one, after it, has all its ops",
               set->sequences.data[i]->where.line);
      return false;
    }
  return gr_vec_push(set->context, &set->sequences, s);
}

/* A rule, a sequence, a family or a condition. */
static bool parse_declaration(graft_rules *set, gr_rule_file *f, gr_parser *p, const char *text,
                              uint32_t first_sequence, gr_shadow_index *shadows) {
  if (gr_lex_is(&p->lex, "family")) return gr_parse_family(p) && !p->failed;
  if (gr_lex_is(&p->lex, "condition")) return gr_parse_condition(p) && !p->failed;
  if (gr_lex_is(&p->lex, "sequence")) return parse_sequence(set, p, text, first_sequence);
  if (gr_lex_is(&p->lex, "rule")) {
    if (f->ships && !f->ships[f->met++].wanted) return skip_rule(&p->lex);
    pt_rule *rule = parse_rule(set, f, p, text);
    if (!rule || !gr_vec_push(set->context, &set->rules, rule) ||
        !gr_named_add(set->context, &set->names, rule->name, strlen(rule->name)))
      return false;
    return gr_pt_shadow_add(set->context, shadows, rule);
  }
  gr_closest near = gr_closest_begin(p->lex.token.text, p->lex.token.kind == GR_T_IDENT ? p->lex.token.length : 0);
  gr_closest_offer(&near, "rule", 4);
  gr_closest_offer(&near, "family", 6);
  gr_closest_offer(&near, "condition", 9);
  gr_closest_offer(&near, "sequence", 8);
  char what[100];
  (void)snprintf(what, sizeof what, "`rule`, `family`, `condition` or `sequence`%s%s%s",
                 near.word ? " (did you mean " : "", near.word ? near.word : "", near.word ? "?)" : "");
  gr_lex_unexpected(&p->lex, what);
  return false;
}

static void free_file(graft_context *c, gr_rule_file *f) {
  gr_arena_free(&f->arena);
  gr_free(c, f, sizeof *f);
}

/* Of a text that ships, those that are wanted: it is there for good. */
static graft_status add(graft_rules *set, const char *text, size_t size, const char *name, const gr_shipped *ships) {
  graft_context *c = set->context;
  if (!name) name = "";
  if (!text && size) return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){.file = name}, "there is no text");
  const uint32_t errors = gr_error_count(c), said = graft_diagnostic_count(c);
  gr_rule_file *f = gr_alloc(c, sizeof *f);
  if (!f) return GRAFT_NO_MEMORY;
  *f = (gr_rule_file){.ships = ships, .place = ships ? (uint32_t)(ships->file - gr_builtin_rules) : 0};
  gr_arena_init(&f->arena, c);
  uint32_t before = set->rules.len, sequences = set->sequences.len;
  const char *copy = ships ? text : gr_arena_copy(&f->arena, text, size);
  f->name = gr_arena_copy(&f->arena, name, strlen(name));
  gr_parser p;
  gr_shadow_index shadows = {0};
  bool ok = copy && f->name && gr_is_text(c, f->name, copy, size, "rules (`rule NAME …`)");
  if (ok) {
    gr_parser_init(&p, c, &f->arena, f->name, copy, size);
    p.customs = set->customs.data;
    p.custom_count = set->customs.len;
    bool failed = false;
    while (p.lex.token.kind != GR_T_END) {
      const char *from = gr_pt_here(&p.lex);
      p.failed = false;
      if (parse_declaration(set, f, &p, copy, sequences, &shadows)) continue;
      failed = true;
      if (!gr_pt_begins_declaration(&p.lex) || gr_pt_here(&p.lex) == from) gr_parser_skip(&p, from, NULL);
    }
    ok = !failed;
    gr_diagnostics_sort(c, said);
    gr_parser_free(&p);
    set->compared += shadows.compared;
    gr_pt_shadow_free(c, &shadows);
  }
  graft_status status = gr_outcome(c, errors, ok ? GRAFT_OK : GRAFT_RULE);
  if (status == GRAFT_OK && !gr_vec_push(c, &set->files, f)) status = GRAFT_NO_MEMORY;
  if (status == GRAFT_OK) return status;
  set->rules.len = set->names.names.len = before;
  set->sequences.len = sequences;
  free_file(c, f);
  return status;
}

/* While it is read, or passes run with it, it stays as it is. */
static bool fixed(const graft_rules *set, const char *what) {
  if (set->in_use) gr_error(set->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "%s: it is in use", what);
  return set->in_use > 0;
}

void gr_rules_use(const graft_rules *set, bool begins) {
  uint32_t *in_use = &((graft_rules *)set)->in_use; /* the one thing of it that a run changes */
  *in_use = begins ? *in_use + 1 : *in_use - 1;
}

graft_status graft_rules_add(graft_rules *set, const char *text, size_t size, const char *name) {
  if (!GR_LIVE(set, RULES) || fixed(set, "nothing can be added to the set of rules")) return GRAFT_INVALID_ARGUMENT;
  gr_rules_use(set, true);
  const graft_status status = add(set, text, size, name, NULL);
  gr_rules_use(set, false);
  return status;
}

graft_status gr_rules_add_shipped(graft_rules *set, const gr_shipped *rules) {
  return add(set, rules->file->text, strlen(rules->file->text), rules->file->name, rules);
}

graft_status graft_rules_add_predicate(graft_rules *set, const graft_predicate *predicate) {
  if (!GR_LIVE(set, RULES) || fixed(set, "nothing can be added to the set of rules")) return GRAFT_INVALID_ARGUMENT;
  return gr_customs_add(set->context, &set->customs, predicate);
}

graft_status graft_rules_load(graft_rules *set, const char *path) {
  if (!GR_LIVE(set, RULES)) return GRAFT_INVALID_ARGUMENT;
  if (!path) return gr_error(set->context, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "no file of rules is named");
  gr_buffer *file = gr_file_read(set->context, path, false);
  if (!file) return GRAFT_IO;
  graft_status status = graft_rules_add(set, file->data, file->size, path);
  gr_buffer_release(set->context, file);
  return status;
}

graft_rules *graft_rules_create(graft_context *context, bool builtin) {
  if (!GR_LIVE(context, CONTEXT)) return NULL;
  graft_rules *set = gr_calloc(context, 1, sizeof *set);
  if (!set) return NULL;
  gr_handle_begin(set, GR_HANDLE_RULES, context);
  if (!builtin || (gr_shipped_begin(set) && gr_rules_need(set, NULL, 0, NULL) == GRAFT_OK)) return set;
  graft_rules_destroy(set);
  return NULL;
}

graft_rules *gr_rules_create_over(graft_rules *base) {
  graft_rules *set = graft_rules_create(base->context, false);
  if (set) set->base = base;
  return set;
}

/* What ships is in the base. */
graft_status gr_rules_borrow(graft_rules *set, const graft_rules *from) {
  graft_context *c = set->context;
  for (uint32_t i = 0; i < from->rules.len; i++) {
    const pt_rule *rule = from->rules.data[i];
    if (rule->place) continue;
    const char *file = file_with(set, rule->name);
    if (file) return gr_error(c, GRAFT_RULE, rule->where, "there is a rule %s already, in %s", rule->name, file);
    if (!gr_vec_push(c, &set->rules, rule) || !gr_named_add(c, &set->names, rule->name, strlen(rule->name)))
      return GRAFT_NO_MEMORY;
  }
  for (uint32_t i = 0; i < from->sequences.len; i++)
    if (!from->sequences.data[i]->ships && !gr_vec_push(c, &set->sequences, from->sequences.data[i]))
      return GRAFT_NO_MEMORY;
  return GRAFT_OK;
}

const graft_context *gr_rules_context(const graft_rules *set) { return set->context; }

graft_rules *gr_rules_create_pending(graft_context *context) {
  graft_rules *set = graft_rules_create(context, false);
  if (!set || gr_shipped_begin(set)) return set;
  graft_rules_destroy(set);
  return NULL;
}

void graft_rules_destroy(graft_rules *set) {
  if (!set || !GR_LIVE(set, RULES) || fixed(set, "the set of rules cannot be destroyed")) return;
  graft_context *c = set->context;
  for (uint32_t i = 0; i < set->files.len; i++) free_file(c, set->files.data[i]);
  gr_vec_free(c, &set->files);
  gr_vec_free(c, &set->rules);
  gr_vec_free(c, &set->sequences);
  gr_customs_free(c, &set->customs);
  gr_named_free(c, &set->names);
  gr_vec_free(c, &set->shipped);
  gr_named_free(c, &set->shipped_names);
  gr_handle_end(set, sizeof *set);
}

uint32_t graft_rules_count(const graft_rules *set) {
  if (!GR_IS(set, RULES)) return 0;
  return set->rules.len + (set->base ? graft_rules_count(set->base) : 0);
}
const pt_rule *gr_pt_rules_at(const graft_rules *set, uint32_t i) {
  return i < set->rules.len ? set->rules.data[i] : gr_pt_rules_at(set->base, i - set->rules.len);
}
const char *graft_rules_name(const graft_rules *set, uint32_t i) {
  return i < graft_rules_count(set) ? gr_pt_rules_at(set, i)->name : NULL;
}
const char *graft_rules_doc(const graft_rules *set, uint32_t i) {
  return i < graft_rules_count(set) ? gr_pt_rules_at(set, i)->doc : NULL;
}
const char *graft_rules_file(const graft_rules *set, uint32_t i) {
  return i < graft_rules_count(set) ? gr_pt_rules_at(set, i)->file : NULL;
}

/* A rule of a gradient: its root is the node `gradient`, which reads a result of the op. */
static bool is_gradient_of(const pt_variant *v, uint32_t op) {
  const pt_vnode *root = &v->nodes[0];
  if (!v->known || root->call->ops->index[GR_OP_gradient] == 0 || root->call->args.len == 0) return false;
  const uint16_t y = root->operand_slots[0];
  const uint16_t place = y == PT_UNBOUND ? PT_UNBOUND : v->slot_node[y];
  return place != PT_UNBOUND && place != 0 && v->nodes[place].call->ops->index[op] != 0;
}

bool graft_rules_have_gradient(const graft_rules *set, uint32_t op) {
  for (uint32_t i = 0; op < GR_OP_COUNT && i < graft_rules_count(set); i++) {
    const gr_pattern *p = gr_pt_rules_at(set, i)->pattern;
    for (uint32_t v = 0; v < p->variant_count; v++)
      if (is_gradient_of(&p->variants[v], op)) return true;
  }
  return false;
}
uint64_t gr_rules_compared(const graft_rules *set) { return set->compared; }
