/* See labels.h. */
#include "tools/labels.h"
#include "ir/formats/npy_int.h"

bool labels_read(labels *l, graft_context *context, const char *path) {
  if (gr_npy_read(context, path, &l->type, &l->data) != GRAFT_OK) return false;
  l->count = graft_type_elements(&l->type);
  if (l->type.rank != 1) {
    gr_error(context, GRAFT_TYPE, (gr_loc){.file = path}, "labels have one axis, not %d", (int)l->type.rank);
    return false;
  }
  switch (l->type.dtype) {
  case GRAFT_I64:
  case GRAFT_I32:
  case GRAFT_U8: return true;
  default:
    gr_error(context, GRAFT_UNSUPPORTED, (gr_loc){.file = path}, "labels are i64, i32 or u8, not %s",
             graft_dtype_name(l->type.dtype));
    return false;
  }
}

static int64_t label_at(const labels *l, int64_t i) {
  switch (l->type.dtype) {
  case GRAFT_I64: return ((const int64_t *)l->data->data)[i];
  case GRAFT_I32: return ((const int32_t *)l->data->data)[i];
  default: return ((const uint8_t *)l->data->data)[i];
  }
}

const char *labels_score(labels *l, const graft_type *type, const void *data) {
  if (type->dtype != GRAFT_F32 || type->rank < 1)
    return "the first result is not a float tensor with an axis of classes";
  int64_t classes = type->dims[type->rank - 1], total = graft_type_elements(type);
  const float *row = data;
  if (classes < 1) return "the first result has no classes";
  for (int64_t rows = total / classes; rows > 0; rows--, row += classes) {
    if (l->seen == l->count) return "fewer labels than rows of the first result";
    int64_t best = 0, label = label_at(l, l->seen++);
    if (label < 0 || label >= classes) return "a label is not the number of a class of the first result";
    for (int64_t k = 1; k < classes; k++)
      if (row[k] > row[best]) best = k;
    l->right += best == label;
  }
  return NULL;
}

void labels_print(const labels *l, FILE *out) {
  double percent = l->seen ? 100.0 * (double)l->right / (double)l->seen : 0.0;
  fprintf(out, "accuracy: %.2f%% (%lld of %lld)\n", percent, (long long)l->right, (long long)l->seen);
}

void labels_free(labels *l, graft_context *context) {
  if (l->data) gr_buffer_release(context, l->data);
  l->data = NULL;
}
