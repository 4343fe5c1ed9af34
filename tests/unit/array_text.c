#include "array_text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *blank(const char *p) {
  while (isspace((unsigned char)*p)) p++;
  return p;
}

static void store(gr_array *a, int64_t i, const char *p, char **end) {
  char *at = (char *)a->buffer + (size_t)i * graft_dtype_size(a->type.dtype);
  if (a->type.dtype == GRAFT_F32) /* one rounding */
    *(float *)(void *)at = strtof(p, end);
  else if (gr_is_float(a->type.dtype))
    gr_element_set_float(a->type.dtype, at, strtod(p, end));
  else if (a->type.dtype == GRAFT_U64)
    gr_element_set_int(a->type.dtype, at, (int64_t)strtoull(p, end, 10));
  else
    gr_element_set_int(a->type.dtype, at, strtoll(p, end, 10));
}

static const char *one_array(const char *p, gr_array *a) {
  *a = (gr_array){0};
  if (*p == '_') return p + 1;
  for (int d = 1; d < GRAFT_DTYPE_COUNT; d++) {
    const char *name = graft_dtype_name((graft_dtype)d);
    size_t length = strlen(name);
    if (strncmp(p, name, length) == 0 && p[length] == '[') {
      a->type.dtype = (graft_dtype)d;
      p += length + 1;
      break;
    }
  }
  if (a->type.dtype == GRAFT_UNKNOWN) abort();
  char *end;
  while (*(p = blank(p)) != ']') {
    a->type.dims[a->type.rank++] = strtoll(p, &end, 10);
    p = blank(end);
    if (*p == ',') p++;
  }
  p++;
  int64_t n = graft_type_elements(&a->type);
  /* The test's bytes stand where the library would have a counted buffer; text_free knows. */
  a->buffer = malloc((size_t)n * 8 + 1);
  a->data = a->buffer;
  for (int64_t i = 0; i < n; i++) {
    store(a, i, p, &end);
    if (end == p) abort();
    p = end;
  }
  return p;
}

uint32_t text_arrays(const char *text, gr_array *out) {
  uint32_t count = 0;
  const char *p = blank(text);
  while (*p) {
    p = blank(one_array(p, &out[count++]));
    if (*p == '|')
      p = blank(p + 1);
    else if (*p)
      abort();
  }
  for (uint32_t i = 0; i < count; i++) {
    void *bytes = out[i].buffer;
    out[i].buffer = NULL;
    out[i].data = bytes;
  }
  return count;
}

void text_free(gr_array *arrays, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) free((void *)arrays[i].data);
}

uint32_t text_attrs(graft_module *m, uint32_t op, const char *text) {
  const gr_op_info *info = gr_op_get(op);
  gr_attr_builder b;
  gr_attrs_begin(&b, info);
  const char *p = blank(text);
  char name[64], values[GR_MAX_ATTRS][64]; /* strings and lists are borrowed until the set is interned */
  int64_t ints[GR_MAX_ATTRS][8];
  double floats[GR_MAX_ATTRS][16];
  int length = 0;
  for (uint32_t n = 0; n < GR_MAX_ATTRS && sscanf(p, "%63[^=]=%63s%n", name, values[n], &length) == 2; n++) {
    const char *value = values[n];
    graft_attr a = {.name = name, .kind = info->attrs[gr_op_attr_slot(info, name, strlen(name))].kind};
    char *end;
    if (strcmp(value, "none") == 0 && a.kind != GRAFT_ATTR_STRING) a.kind = GRAFT_ATTR_NONE;
    switch (a.kind) {
    case GRAFT_ATTR_NONE: break;
    case GRAFT_ATTR_BOOL: a.as.b = strcmp(value, "true") == 0; break;
    case GRAFT_ATTR_INT: a.as.i = strtoll(value, NULL, 10); break;
    case GRAFT_ATTR_FLOAT: a.as.f = strtod(value, NULL); break;
    case GRAFT_ATTR_STRING: a.as.s = value; break;
    case GRAFT_ATTR_DTYPE:
      for (int d = 1; d < GRAFT_DTYPE_COUNT; d++)
        if (strcmp(value, graft_dtype_name((graft_dtype)d)) == 0) a.as.dtype = (graft_dtype)d;
      break;
    case GRAFT_ATTR_FLOATS:
      for (const char *q = value; *q; q = *end == ':' ? end + 1 : end) floats[n][a.count++] = strtod(q, &end);
      a.as.floats = floats[n];
      break;
    case GRAFT_ATTR_INTS:
      for (const char *q = value; *q; q = *end == ':' ? end + 1 : end) ints[n][a.count++] = strtoll(q, &end, 10);
      a.as.ints = ints[n];
      break;
    default: abort();
    }
    if (gr_attrs_set(m, &b, info, &a, (gr_loc){0}) != GRAFT_OK) return GRAFT_NONE;
    p = blank(p + length);
  }
  return gr_attrs_intern(m, &b, info, (gr_loc){0});
}

double text_element(const gr_array *a, int64_t i) {
  return gr_element_float(a->type.dtype, (const char *)a->data + (size_t)i * graft_dtype_size(a->type.dtype));
}

bool text_same(const gr_array *got, const gr_array *want, double tolerance) {
  if (!gr_type_equal(&got->type, &want->type)) {
    fprintf(stderr, "type %s rank %d, not %s rank %d\n", graft_dtype_name(got->type.dtype), got->type.rank,
            graft_dtype_name(want->type.dtype), want->type.rank);
    return false;
  }
  int64_t n = graft_type_elements(&want->type);
  for (int64_t i = 0; i < n; i++) {
    double a = text_element(got, i), b = text_element(want, i);
    if (a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= tolerance * fmax(1, fabs(b))) continue;
    fprintf(stderr, "element %lld is %.9g, not %.9g\n", (long long)i, a, b);
    return false;
  }
  return true;
}
