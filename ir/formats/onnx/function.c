/* The model's functions. A node that calls one becomes the function's nodes, in a scope of their own: there its inputs
 * are the values that the call gives, and the attributes that nodes refer to are the call's, or else the function's
 * defaults. What a function makes is named after the call, but for its outputs, which are called as the call's are.
 *
 * The onnx.proto of Debian has neither defaults nor overloads; they are read from the fields that it does not know. */
#include "ir/formats/onnx/handler_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTION_DEFAULTS 11u /* numbers of fields */
#define FUNCTION_OVERLOAD 13u
#define NODE_OVERLOAD 8u
#define MAX_DEFAULTS (1u << 20) /* bytes in a file */
#define MAX_DEPTH 100           /* of graphs and calls within each other */

/* ---- reading them ---- */

/* The bytes of an unknown field that has some; false: it is of another kind, or damaged. */
static bool field_bytes(const ProtobufCMessageUnknownField *f, const uint8_t **bytes, size_t *size) {
  uint64_t length = 0;
  size_t at = 0;
  if (f->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) return false;
  for (unsigned shift = 0; at < f->len && shift < 35; shift += 7) {
    const uint8_t byte = f->data[at++];
    length |= (uint64_t)(byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    *bytes = f->data + at;
    *size = (size_t)length;
    return length == f->len - at;
  }
  return false;
}

static const char *overload(gr_onnx *in, const ProtobufCMessage *message, uint32_t number) {
  const uint8_t *bytes;
  size_t size;
  for (unsigned i = 0; i < message->n_unknown_fields; i++) {
    const ProtobufCMessageUnknownField *f = &message->unknown_fields[i];
    if (f->tag != number || !field_bytes(f, &bytes, &size) || memchr(bytes, 0, size)) continue;
    const char *text = gr_arena_copy(&in->scratch, (const char *)bytes, size);
    if (!text) in->failed = true;
    return text;
  }
  return "";
}

static const char *domain_of(const char *domain) { return !domain || strcmp(domain, "ai.onnx") == 0 ? "" : domain; }

static int compare(const void *a, const void *b) {
  const gr_onnx_function *f = a, *other = b;
  int order = strcmp(f->name, other->name);
  if (!order) order = strcmp(f->domain, other->domain);
  return order ? order : strcmp(f->overload, other->overload);
}

static bool read_defaults(gr_onnx *in, gr_onnx_function *f, size_t *total) {
  const ProtobufCMessage *message = &f->proto->base;
  uint32_t count = 0;
  const uint8_t *bytes;
  size_t size;
  for (unsigned i = 0; i < message->n_unknown_fields; i++) count += message->unknown_fields[i].tag == FUNCTION_DEFAULTS;
  if (!count) return true;
  f->defaults = gr_arena_alloc(&in->scratch, count * sizeof *f->defaults);
  if (!f->defaults) return false;
  for (unsigned i = 0; i < message->n_unknown_fields; i++) {
    const ProtobufCMessageUnknownField *u = &message->unknown_fields[i];
    if (u->tag != FUNCTION_DEFAULTS) continue;
    if (!field_bytes(u, &bytes, &size))
      return gr_onnx_fail(in, GRAFT_FORMAT, "function '%s': damaged defaults", f->name), false;
    if (size > MAX_DEFAULTS - *total)
      return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "the defaults of functions have more than 1 MB"), false;
    *total += size;
    Onnx__AttributeProto *a =
        gr_message_read(&in->scratch, &onnx__attribute_proto__descriptor, (void *)bytes, size, false, in->where);
    if (!a) return in->failed = true, false;
    f->defaults[f->default_count++] = a;
    if (!a->name || !a->name[0])
      return gr_onnx_fail(in, GRAFT_FORMAT, "function '%s': a default without a name", f->name), false;
  }
  return true;
}

static bool read_function(gr_onnx *in, const Onnx__FunctionProto *proto, gr_onnx_function *f) {
  *f = (gr_onnx_function){.domain = domain_of(proto->domain),
                          .name = proto->name ? proto->name : "",
                          .overload = overload(in, &proto->base, FUNCTION_OVERLOAD),
                          .proto = proto};
  if (!f->overload) return false;
  for (size_t i = 0; i < proto->n_opset_import; i++)
    if (!domain_of(proto->opset_import[i]->domain)[0]) f->opset = proto->opset_import[i]->version;
  if (f->opset < 1) f->opset = in->opset;
  for (size_t i = 0; i < proto->n_node; i++) {
    const Onnx__NodeProto *n = proto->node[i];
    f->cost += GR_ONNX_COST * (1 + (uint64_t)n->n_input + n->n_output + n->n_attribute);
  }
  return f->name[0] || (gr_onnx_fail(in, GRAFT_FORMAT, "a function without a name"), false);
}

bool gr_onnx_read_functions(gr_onnx *in, const Onnx__ModelProto *model) {
  size_t total = 0;
  if (!gr_vec_reserve(in->context, &in->functions, (uint32_t)model->n_functions)) return false;
  for (size_t i = 0; i < model->n_functions; i++) {
    gr_onnx_function *f = &in->functions.data[i];
    const bool good = read_function(in, model->functions[i], f);
    in->functions.len++;
    if (!good || !read_defaults(in, f, &total)) return false;
  }
  if (in->functions.len) qsort(in->functions.data, in->functions.len, sizeof *in->functions.data, compare);
  for (uint32_t i = 1; i < in->functions.len; i++)
    if (compare(&in->functions.data[i - 1], &in->functions.data[i]) == 0)
      return gr_onnx_fail(in, GRAFT_NAME, "the function '%s' is defined twice", in->functions.data[i].name), false;
  return true;
}

const gr_onnx_function *gr_onnx_function_find(gr_onnx *in, const Onnx__NodeProto *node) {
  if (!in->functions.len) return NULL;
  const gr_onnx_function key = {
      .domain = domain_of(node->domain), .name = node->op_type, .overload = overload(in, &node->base, NODE_OVERLOAD)};
  if (!key.overload) return NULL;
  return bsearch(&key, in->functions.data, in->functions.len, sizeof key, compare);
}

/* ---- nodes of a function ---- */

static const Onnx__AttributeProto *find(Onnx__AttributeProto *const *attributes, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(attributes[i]->name, name) == 0) return attributes[i];
  return NULL;
}

static char *prefixed(gr_onnx *in, const char *prefix, const char *name) {
  const size_t size = strlen(prefix) + strlen(name) + 2;
  char *text = gr_onnx_claim(in, 2 * (uint64_t)size) ? gr_arena_alloc(&in->scratch, size) : NULL;
  if (text)
    snprintf(text, size, "%s/%s", prefix, name);
  else
    in->failed = true;
  return text;
}

/* What attribute `a` of a node stands for: itself, or one of the call's under its name; NULL without an error: none. */
static const Onnx__AttributeProto *resolve_attribute(gr_onnx *in, const gr_onnx_call *call,
                                                     const Onnx__AttributeProto *a) {
  if (!a->ref_attr_name || !a->ref_attr_name[0]) return a;
  const gr_onnx_function *f = call->function;
  const Onnx__AttributeProto *given = find(call->node->attribute, call->node->n_attribute, a->ref_attr_name);
  if (!given) given = find(f->defaults, f->default_count, a->ref_attr_name);
  if (!given) return NULL;
  if (given->g || given->n_graphs)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "the function's attribute '%s' is a graph", a->ref_attr_name), NULL;
  Onnx__AttributeProto *copy = gr_arena_alloc(&in->scratch, sizeof *copy);
  if (!copy) return in->failed = true, NULL;
  *copy = *given;
  copy->name = a->name;
  copy->ref_attr_name = NULL;
  return copy;
}

const Onnx__NodeProto *gr_onnx_resolve(gr_onnx *in, const Onnx__NodeProto *node) {
  static char nothing[] = "";
  const gr_onnx_call *call = gr_onnx_scope_call(in->scope);
  if (!call) return node;
  Onnx__NodeProto *copy = gr_arena_alloc(&in->scratch, sizeof *copy);
  char **inputs = gr_arena_alloc(&in->scratch, (node->n_input + 1) * sizeof *inputs);
  Onnx__AttributeProto **attributes = gr_arena_alloc(&in->scratch, (node->n_attribute + 1) * sizeof *attributes);
  if (!copy || !inputs || !attributes) return NULL;
  *copy = *node;
  in->where.node = call->name;
  copy->name = prefixed(in, call->name, node->name && node->name[0] ? node->name : node->op_type ? node->op_type : "");
  copy->input = inputs;
  copy->attribute = attributes;
  copy->n_attribute = 0;
  for (size_t i = 0; i < node->n_input; i++) {
    const gr_onnx_symbol *s = node->input[i][0] ? gr_onnx_scope_visible(in->scope, node->input[i]) : NULL;
    inputs[i] = s && s->absent ? nothing : node->input[i];
  }
  for (size_t i = 0; i < node->n_attribute; i++) {
    const Onnx__AttributeProto *a = resolve_attribute(in, call, node->attribute[i]);
    if (in->failed) return NULL;
    if (a) attributes[copy->n_attribute++] = (Onnx__AttributeProto *)a;
  }
  return in->failed ? NULL : copy;
}

/* ---- calls ---- */

static bool check_call(gr_onnx *in, const gr_onnx_function *f) {
  const Onnx__NodeProto *node = in->node;
  uint32_t depth = 0;
  for (const gr_onnx_scope *s = in->scope; s; s = s->outer, depth++)
    if (s->call && s->call->function == f)
      return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "the function '%s' calls itself", f->name), false;
  if (depth >= MAX_DEPTH)
    return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "functions and graphs nest more than %d deep", MAX_DEPTH), false;
  if (node->n_input > f->proto->n_input || node->n_output > f->proto->n_output)
    return gr_onnx_fail(in, GRAFT_TYPE, "%zu inputs and %zu outputs; the function '%s' has %zu and %zu", node->n_input,
                        node->n_output, f->name, f->proto->n_input, f->proto->n_output),
           false;
  for (size_t i = 0; i < node->n_attribute; i++) {
    const char *name = node->attribute[i]->name;
    bool known = find(f->defaults, f->default_count, name) != NULL;
    for (size_t k = 0; k < f->proto->n_attribute && !known; k++) known = strcmp(f->proto->attribute[k], name) == 0;
    if (!known)
      return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "the function '%s' has no attribute '%s'", f->name, name), false;
  }
  return gr_onnx_claim(in, f->cost + GR_ONNX_COST);
}

/* The function's inputs are what the call gives. */
static bool bind_inputs(gr_onnx *in, gr_onnx_scope *s, const gr_onnx *outer) {
  const Onnx__FunctionProto *f = s->call->function->proto;
  for (size_t i = 0; i < f->n_input; i++) {
    const char *name = i < outer->node->n_input ? outer->node->input[i] : "";
    if (!gr_onnx_scope_define(in->module, s, f->input[i], in->where)) return false;
    gr_onnx_symbol *symbol = &s->symbols.data[s->symbols.len - 1];
    const gr_onnx_symbol *given = name[0] ? gr_onnx_scope_visible(outer->scope, name) : NULL;
    symbol->absent = !name[0] || (given && given->absent);
    if (symbol->absent) continue;
    if (given && given->tensor != GRAFT_NONE)
      symbol->tensor = given->tensor;
    else if ((symbol->value = gr_onnx_value(in, name)) == GRAFT_NONE)
      return false;
  }
  return true;
}

/* What the function's nodes make. */
static bool define_values(gr_onnx *in, gr_onnx_scope *s, const gr_onnx *outer) {
  const Onnx__FunctionProto *f = s->call->function->proto;
  for (size_t i = 0; i < f->n_node; i++)
    for (size_t k = 0; k < f->node[i]->n_output; k++) {
      if (!f->node[i]->output[k][0]) continue;
      if (!gr_onnx_scope_define(in->module, s, f->node[i]->output[k], in->where)) return false;
      gr_onnx_symbol *symbol = &s->symbols.data[s->symbols.len - 1];
      const char *name = prefixed(in, s->call->name, symbol->text);
      if (!name) return false;
      symbol->node = (uint32_t)i;
      symbol->name = gr_name_unique(in->module, gr_name_split(in->module, name, strlen(name)));
      if (symbol->name.base == GRAFT_NONE) return false;
    }
  gr_onnx_scope_mark_reads(s, s->proto);
  for (size_t i = 0; i < outer->node->n_output; i++) {
    gr_onnx_symbol *symbol = gr_onnx_scope_find(s, f->output[i]);
    const gr_onnx_symbol *wanted = gr_onnx_scope_find(outer->scope, outer->node->output[i]);
    if (!symbol || !wanted) continue;
    symbol->read = symbol->read || wanted->read;
    symbol->name = wanted->name;
  }
  return true;
}

bool gr_onnx_call_function(gr_onnx *in, const gr_onnx_function *f) {
  const gr_onnx here = *in;
  Onnx__GraphProto body = ONNX__GRAPH_PROTO__INIT;
  const gr_onnx_call call = {.function = f, .node = in->node, .name = in->where.node};
  gr_onnx_scope scope = {.outer = in->scope, .graph = in->scope->graph, .proto = &body, .call = &call};
  body.n_node = f->proto->n_node;
  body.node = f->proto->node;
  if (!check_call(in, f)) return false;
  bool good = bind_inputs(in, &scope, &here) && define_values(in, &scope, &here);
  graft_value *results = good ? gr_arena_alloc(&in->scratch, (here.node->n_output + 1) * sizeof *results) : NULL;
  in->scope = &scope;
  in->opset = f->opset;
  in->calls++;
  good = results && in->reader->nodes(in, &scope);
  in->where = here.where;
  for (size_t i = 0; good && i < here.node->n_output; i++) {
    const bool wanted = here.node->output[i][0] != '\0';
    good = !wanted || (results[i] = gr_onnx_value(in, f->proto->output[i])) != GRAFT_NONE;
  }
  return gr_onnx_leave(in, &here, &scope, good ? results : NULL);
}
