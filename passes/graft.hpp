/* graft/graft.hpp - the C API for C++17: what is owned ends by itself, lists are spans, nodes and layers are ranges.
 *
 *     graft::context context;
 *     graft::module module = graft::module::load(context, "digits.onnx");
 *     if (!module || !module.run_passes("prepare-qat{quantizer=xnnpack}")) return context.print(stderr), 1;
 *     graft::session session(module.main());
 *     session.set_input(0, graft::span<const float>(images), {32, 1, 8, 8});
 *     if (!session.run()) …
 *
 * Nothing throws, and nothing needs RTTI: an owner is false when it could not be made, a status is true when it is
 * GRAFT_OK, and the context has the diagnostics. Owners can be moved and not copied; `get` gives what the C functions
 * take, which are all there beside this. A module must end before its context, sessions and layers before their module:
 * as locals in the order of their making they do. All of it is inline: nothing here is part of the ABI. */
#ifndef GRAFT_HPP
#define GRAFT_HPP

#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "layers.h"
#include "ops.h"
#include "passes.h"
#include "patterns.h"
#include "runtime.h"
#include "state.h"
#include "train.h"

namespace graft {

/* Elements that somebody else holds. */
template <class T> class span {
public:
  constexpr span() = default;
  constexpr span(T *data, std::size_t size) : data_(data), size_(size) {}
  template <std::size_t N> constexpr span(T (&array)[N]) : data_(array), size_(N) {}
  /* Of anything with data() and size(): std::vector, std::array, another span. */
  template <class C, class = std::enable_if_t<std::is_convertible_v<decltype(std::declval<C &>().data()), T *>>>
  constexpr span(C &container) : data_(container.data()), size_(container.size()) {}
  template <class C, class = std::enable_if_t<std::is_convertible_v<decltype(std::declval<const C &>().data()), T *>>>
  constexpr span(const C &container) : data_(container.data()), size_(container.size()) {}

  constexpr T *data() const { return data_; }
  constexpr std::size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr T *begin() const { return data_; }
  constexpr T *end() const { return data_ + size_; }
  constexpr T &operator[](std::size_t i) const { return data_[i]; }

private:
  T *data_ = nullptr;
  std::size_t size_ = 0;
};

/* True: GRAFT_OK. */
class [[nodiscard]] status {
public:
  status(graft_status code) : code_(code) {}
  explicit operator bool() const { return code_ == GRAFT_OK; }
  graft_status code() const { return code_; }
  const char *text() const { return graft_status_text(code_); }

private:
  graft_status code_;
};

/* The dtype of elements of a C++ type. */
template <class T> struct dtype_of;
template <> struct dtype_of<float> : std::integral_constant<graft_dtype, GRAFT_F32> {};
template <> struct dtype_of<double> : std::integral_constant<graft_dtype, GRAFT_F64> {};
template <> struct dtype_of<std::int8_t> : std::integral_constant<graft_dtype, GRAFT_I8> {};
template <> struct dtype_of<std::uint8_t> : std::integral_constant<graft_dtype, GRAFT_U8> {};
template <> struct dtype_of<std::int16_t> : std::integral_constant<graft_dtype, GRAFT_I16> {};
template <> struct dtype_of<std::uint16_t> : std::integral_constant<graft_dtype, GRAFT_U16> {};
template <> struct dtype_of<std::int32_t> : std::integral_constant<graft_dtype, GRAFT_I32> {};
template <> struct dtype_of<std::uint32_t> : std::integral_constant<graft_dtype, GRAFT_U32> {};
template <> struct dtype_of<std::int64_t> : std::integral_constant<graft_dtype, GRAFT_I64> {};
template <> struct dtype_of<std::uint64_t> : std::integral_constant<graft_dtype, GRAFT_U64> {};
template <> struct dtype_of<bool> : std::integral_constant<graft_dtype, GRAFT_BOOL> {};

inline graft_type type(graft_dtype dtype, span<const std::int64_t> shape) {
  return graft_type_make(dtype, static_cast<std::int32_t>(shape.size()), shape.data());
}
inline graft_type type(graft_dtype dtype, std::initializer_list<std::int64_t> shape) {
  return type(dtype, span<const std::int64_t>(shape.begin(), shape.size()));
}
/* Elements at `data`, where they are of type T and all extents are known; else none. */
template <class T> span<const T> elements(const graft_type &type, const void *data) {
  const std::int64_t count = type.dtype == dtype_of<T>::value && data ? graft_type_elements(&type) : 0;
  return count > 0 ? span<const T>(static_cast<const T *>(data), static_cast<std::size_t>(count)) : span<const T>();
}

/* What is owned: ended once, moved and not copied. */
template <class T, void (*end)(T *)> class owner {
public:
  owner() = default;
  explicit owner(T *pointer) : pointer_(pointer) {}
  owner(owner &&other) noexcept : pointer_(other.release()) {}
  owner &operator=(owner &&other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  owner(const owner &) = delete;
  owner &operator=(const owner &) = delete;
  ~owner() { reset(); }

  explicit operator bool() const { return pointer_ != nullptr; }
  T *get() const { return pointer_; }
  /* It is the caller's now. */
  T *release() { return std::exchange(pointer_, nullptr); }
  void reset(T *pointer = nullptr) {
    T *old = std::exchange(pointer_, pointer);
    if (old) end(old);
  }

private:
  T *pointer_ = nullptr;
};

/* ---- contexts ---- */

class context : public owner<graft_context, graft_context_destroy> {
public:
  context() : owner(graft_context_create(nullptr)) {}
  explicit context(const graft_context_options &options) : owner(graft_context_create(&options)) {}

  std::uint32_t diagnostic_count() const { return graft_diagnostic_count(get()); }
  graft_diagnostic diagnostic(std::uint32_t i) const { return graft_diagnostic_get(get(), i); }
  bool has_errors() const { return graft_context_has_errors(get()); }
  void clear() { graft_diagnostics_clear(get()); }
  /* All that was said, as text. */
  std::string text() const {
    std::string all;
    for (std::uint32_t i = 0; i < diagnostic_count(); i++) {
      const graft_diagnostic d = diagnostic(i);
      const std::size_t at = all.size(), size = graft_diagnostic_format(&d, nullptr, 0);
      all.resize(at + size + 1);
      graft_diagnostic_format(&d, &all[at], size + 1);
      all[at + size] = '\n';
    }
    return all;
  }
  void print(std::FILE *file) const { std::fputs(text().c_str(), file); }
};

/* ---- graphs: borrowed from their module ---- */

inline std::string name_of(const graft_graph *graph, graft_node node) {
  std::string name(graft_node_name(graph, node, nullptr, 0) + 1, '\0');
  graft_node_name(graph, node, &name[0], name.size());
  name.pop_back();
  return name;
}

/* The nodes of a graph, in order: for (graft_node n : graft::nodes(graph)). The one at hand must not be erased. */
class nodes {
public:
  explicit nodes(const graft_graph *graph) : graph_(graph) {}
  class iterator {
  public:
    iterator(const graft_graph *graph, graft_node node) : graph_(graph), node_(node) {}
    graft_node operator*() const { return node_; }
    iterator &operator++() {
      node_ = graft_node_next(graph_, node_);
      return *this;
    }
    bool operator!=(const iterator &other) const { return node_ != other.node_; }

  private:
    const graft_graph *graph_;
    graft_node node_;
  };
  iterator begin() const { return {graph_, graft_node_first(graph_)}; }
  iterator end() const { return {graph_, GRAFT_NONE}; }

private:
  const graft_graph *graph_;
};

/* The layers of a graph (layers.h): for (const graft_quantized_layer &l : graft::layers(graph)). */
class layers : public owner<graft_layers, graft_layers_destroy> {
public:
  explicit layers(graft_graph *graph) : owner(graft_layers_create(graph)) {}
  std::uint32_t size() const { return graft_layers_count(get()); }
  graft_quantized_layer operator[](std::uint32_t i) const {
    graft_quantized_layer layer = {};
    layer.size = sizeof layer;
    (void)graft_layers_get(get(), i, &layer);
    return layer;
  }
  class iterator {
  public:
    iterator(const layers *all, std::uint32_t i) : all_(all), i_(i) {}
    graft_quantized_layer operator*() const { return (*all_)[i_]; }
    iterator &operator++() {
      i_++;
      return *this;
    }
    bool operator!=(const iterator &other) const { return i_ != other.i_; }

  private:
    const layers *all_;
    std::uint32_t i_;
  };
  iterator begin() const { return {this, 0}; }
  iterator end() const { return {this, size()}; }
};
inline span<const float> scales(const graft_layer_value &v) { return {v.scales, v.count}; }
inline span<const std::int32_t> zero_points(const graft_layer_value &v) { return {v.zero_points, v.count}; }
inline span<const graft_layer_value> operands(const graft_quantized_layer &l) { return {l.operands, l.operand_count}; }
inline span<const double> multipliers(const graft_quantized_layer &l) {
  return {l.multipliers, l.multipliers ? l.channels : 0};
}
inline span<const std::int32_t> bias_i32(const graft_quantized_layer &l) {
  return {l.bias_i32, l.bias_i32 ? l.channels : 0};
}

/* ---- modules ---- */

class module : public owner<graft_module, graft_module_destroy> {
public:
  module() = default;
  explicit module(graft_module *pointer) : owner(pointer) {}
  explicit module(context &c) : owner(graft_module_create(c.get())) {}
  static module load(context &c, const char *path, const graft_load_options *options = nullptr) {
    return module(graft_module_load(c.get(), path, options));
  }
  static module load(context &c, span<const unsigned char> bytes, const char *name,
                     const graft_load_options *options = nullptr) {
    return module(graft_module_load_memory(c.get(), bytes.data(), bytes.size(), name, options));
  }

  status run_passes(const char *pipeline, const graft_pass_options *options = nullptr) {
    return graft_run_passes(get(), pipeline, options);
  }
  status verify() { return graft_module_verify(get()); }
  status compact() { return graft_module_compact(get()); }
  status save(const char *path, graft_format format = GRAFT_FORMAT_AUTO) {
    return graft_module_save(get(), path, format);
  }
  /* Into `out`, which stays as it was on failure. */
  status print(std::string &out, graft_format format = GRAFT_FORMAT_TEXT) {
    char *bytes = nullptr;
    std::size_t size = 0;
    const graft_status s = graft_module_print(get(), format, &bytes, &size);
    if (s == GRAFT_OK) {
      out.assign(bytes, size);
      graft_free(graft_module_get_context(get()), bytes, size);
    }
    return s;
  }
  std::uint32_t graph_count() const { return graft_module_graph_count(get()); }
  graft_graph *graph(std::uint32_t i) const { return graft_module_get_graph(get(), i); }
  /* The entry; NULL of an empty module. */
  graft_graph *main() const { return graph(0); }

  graft_tensor tensor(const char *name) { return graft_tensor_find(get(), name); }
  /* Its elements, until the module is changed; none where they are no T. */
  template <class T> span<const T> data(graft_tensor tensor) {
    return elements<T>(graft_tensor_get_type(get(), tensor), graft_tensor_get_data(get(), tensor));
  }
};

/* ---- sessions ---- */

class session : public owner<graft_session, graft_session_destroy> {
public:
  explicit session(graft_graph *graph, const graft_session_options *options = nullptr)
      : owner(graft_session_create(graph, options)) {}

  /* The elements are read where they are, in each run until the input is set again. GRAFT_TYPE: there are not as many
   * as the shape has. */
  template <class T> status set_input(std::uint32_t i, span<const T> data, std::initializer_list<std::int64_t> shape) {
    const graft_type t = type(dtype_of<T>::value, shape);
    if (graft_type_elements(&t) != static_cast<std::int64_t>(data.size())) return GRAFT_TYPE;
    return graft_session_set_input(get(), i, &t, data.data());
  }
  status run() { return graft_session_run(get()); }
  /* Until the next run; none where they are no T, or nothing ran. */
  template <class T> span<const T> output(std::uint32_t i) {
    graft_type t = {};
    const void *data = graft_session_get_output(get(), i, &t);
    return elements<T>(t, data);
  }
};

/* ---- training ---- */

/* The training loop (train.h) of a module with a graph `train`:
 *
 *     graft::training training;
 *     training.input("x", graft::span<const float>(images), {1000, 1, 8, 8});
 *     training.input("labels", graft::span<const std::int64_t>(labels), {1000});
 *     training.options.epochs = 3;
 *     training.options.batch = 32;
 *     if (!training.run(module, [&](const graft_train_state &s) -> graft::status {
 *           return s.epoch_ended ? module.save("checkpoint.gfb") : GRAFT_OK; // anything else ends training with it
 *         })) …
 */
class training {
public:
  graft_train_options options = {};   /* all but sizes, data, session and after_step */
  graft_session_options session = {}; /* threads, seed, reference, … */

  /* Data by the name of the input, which as the elements is borrowed: until the last run. GRAFT_TYPE: there are not as
   * many as the shape has. */
  template <class T> status input(const char *name, span<const T> data, std::initializer_list<std::int64_t> shape) {
    return add(inputs_, name, type(dtype_of<T>::value, shape), data.data(), data.size());
  }
  /* The same for validation, after each epoch. */
  template <class T>
  status validation(const char *name, span<const T> data, std::initializer_list<std::int64_t> shape) {
    return add(validation_, name, type(dtype_of<T>::value, shape), data.data(), data.size());
  }

  status run(module &m) const { return run(m, nullptr, nullptr); }
  /* Told of each step: a function of a graft_train_state that gives a status. */
  template <class F> status run(module &m, F &&after_step) const {
    using function = std::remove_reference_t<F>;
    return run(
        m,
        [](void *user, const graft_train_state *state) -> graft_status {
          return static_cast<status>((*static_cast<function *>(user))(*state)).code();
        },
        const_cast<std::remove_const_t<function> *>(&after_step));
  }

private:
  static status add(std::vector<graft_train_input> &to, const char *name, const graft_type &type, const void *data,
                    std::size_t count) {
    if (graft_type_elements(&type) != static_cast<std::int64_t>(count)) return GRAFT_TYPE;
    graft_train_input input = {};
    input.size = sizeof input;
    input.name = name;
    input.type = type;
    input.data = data;
    to.push_back(input);
    return GRAFT_OK;
  }
  status run(module &m, graft_train_function after_step, void *user) const {
    graft_session_options in = session;
    graft_train_options all = options;
    in.size = sizeof in;
    all.size = sizeof all;
    all.inputs = inputs_.data();
    all.input_count = static_cast<std::uint32_t>(inputs_.size());
    all.validation = validation_.data();
    all.validation_count = static_cast<std::uint32_t>(validation_.size());
    all.session = &in;
    all.after_step = after_step;
    all.after_step_user = user;
    return graft_train(m.get(), &all);
  }
  std::vector<graft_train_input> inputs_, validation_;
};

/* ---- rules and quantizers ---- */

class rules : public owner<graft_rules, graft_rules_destroy> {
public:
  explicit rules(context &c, bool builtin = false) : owner(graft_rules_create(c.get(), builtin)) {}
  status add(std::string_view text, const char *name) { return graft_rules_add(get(), text.data(), text.size(), name); }
};

class quantizers : public owner<graft_quantizers, graft_quantizers_destroy> {
public:
  explicit quantizers(context &c, bool builtin = false) : owner(graft_quantizers_create(c.get(), builtin)) {}
  status add(std::string_view text, const char *name) {
    return graft_quantizers_add(get(), text.data(), text.size(), name);
  }
};

} // namespace graft
#endif
