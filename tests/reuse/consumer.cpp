// The library from C++17: names and Futures in unique_ptr, a method that throws nothing into C.
#include <corps.h>
#include <corps/serializer.h>
#include <corps/transport.h>

#include <cstdio>
#include <memory>
#include <string>

namespace {

template <auto drop> struct dropped {
    template <class T> void operator()(T *thing) const {
        drop(thing);
    }
};
using name_ptr = std::unique_ptr<corps_name, dropped<corps_name_unref>>;
using future_ptr = std::unique_ptr<corps_future, dropped<corps_future_destroy>>;

corps_err repeat(corps_context *context, void *, const corps_value *args, corps_value *result) noexcept {
    const corps_value *text = corps_value_item(args, 0);
    const corps_value *times = corps_value_item(args, 1);
    if (text == nullptr || times == nullptr || text->kind != CORPS_STR || times->kind != CORPS_INT) {
        return corps_fail(context, "TypeError", "repeat takes a text and a number");
    }
    const auto bytes = text->count * static_cast<std::size_t>(times->integer);
    auto *out = static_cast<char *>(corps_context_alloc(context, bytes));
    if (out == nullptr) {
        return corps_fail(context, "MemoryError", "no memory for %zu bytes", bytes);
    }
    for (std::size_t i = 0; i < bytes; i++) {
        out[i] = text->str[i % text->count];
    }
    *result = corps_str_bytes(out, bytes);
    return CORPS_OK;
}

const corps_method methods[] = {{"repeat", repeat}, {nullptr, nullptr}};

corps_class made_class() {
    corps_class made{};
    made.name = "Repeater";
    made.methods = methods;
    return made;
}
const corps_class repeater = made_class();
const corps_class *const classes[] = {&repeater, nullptr};

int failed() {
    std::fprintf(stderr, "consumer: %s\n", corps_error_detail());
    return 1;
}

} // namespace

int main() {
    corps_start(classes);
    corps *service = nullptr;
    corps_options options{};
    options.env_count = 2;
    corps_name *made = nullptr;
    if (corps_create(nullptr, nullptr, &options, &service) != CORPS_OK ||
        corps_create_concs(service, "Repeater", nullptr, CORPS_ENV_ID(1), 1, &made) != CORPS_OK) {
        return failed();
    }
    name_ptr name(made);
    const corps_value items[] = {corps_str("ab"), corps_int(3)};
    const corps_value args = corps_array(items, 2);
    corps_future *begun = nullptr;
    const corps_value *result = nullptr;
    if (corps_call(name.get(), "repeat", &args, nullptr, &begun) != CORPS_OK) {
        return failed();
    }
    future_ptr future(begun);
    if (corps_future_wait(future.get(), CORPS_FOREVER, &result) != CORPS_OK) {
        return failed();
    }
    std::printf("%s\n", std::string(result->str, result->count).c_str());
    future.reset();
    name.reset();
    return corps_exit(service, CORPS_FOREVER) == CORPS_OK ? 0 : 1;
}
