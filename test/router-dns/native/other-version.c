/* A module that says that it is a UDP layer of a version that there is not. */
#include <node_api.h>

NAPI_MODULE_INIT() {
  napi_value version;
  napi_create_int32(env, 999, &version);
  napi_set_named_property(env, exports, "version", version);
  return exports;
}
