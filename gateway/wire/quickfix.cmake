# QuickFIX 1.16.0 from the source release of the package index: fetched once by pip, pinned and checked by hash, unpacked
# into a cache folder. Only the files that a Session needs are compiled: no sockets, stores, databases, HTTP or SWIG file.
set(QUICKFIX_VERSION 1.16.0)
set(QUICKFIX_SHA256 825aceb72cfd69c30fbbf5b380b66f464abe1fe3188374f13d8c9987dd8eb4e9)
if(DEFINED ENV{OUTCRY_CACHE})
  set(QUICKFIX_CACHE "$ENV{OUTCRY_CACHE}/quickfix")
else()
  set(QUICKFIX_CACHE "${CMAKE_SOURCE_DIR}/.cache/quickfix")
endif()
set(QUICKFIX_ARCHIVE "${QUICKFIX_CACHE}/quickfix-${QUICKFIX_VERSION}.tar.gz")
set(QUICKFIX_SOURCE "${QUICKFIX_CACHE}/quickfix-${QUICKFIX_VERSION}")

function(quickfix_hash_holds result)
  set(${result} FALSE PARENT_SCOPE)
  if(EXISTS "${QUICKFIX_ARCHIVE}")
    file(SHA256 "${QUICKFIX_ARCHIVE}" found)
    if(found STREQUAL QUICKFIX_SHA256)
      set(${result} TRUE PARENT_SCOPE)
    endif()
  endif()
endfunction()

quickfix_hash_holds(QUICKFIX_CACHED)
if(NOT QUICKFIX_CACHED)
  message(STATUS "Fetching the source release of QuickFIX ${QUICKFIX_VERSION} through pip")
  file(MAKE_DIRECTORY "${QUICKFIX_CACHE}")
  file(WRITE "${CMAKE_BINARY_DIR}/quickfix.txt" "quickfix==${QUICKFIX_VERSION} --hash=sha256:${QUICKFIX_SHA256}\n")
  # An environment made for a build has no pip of its own: the interpreter below it has, with or without ensurepip.
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c "import pip" RESULT_VARIABLE no_pip OUTPUT_QUIET ERROR_QUIET)
  set(pip_python "${Python_EXECUTABLE}")
  if(no_pip)
    execute_process(
      COMMAND "${Python_EXECUTABLE}" -c "import sys; print(sys._base_executable)"
      OUTPUT_VARIABLE pip_python OUTPUT_STRIP_TRAILING_WHITESPACE)
  endif()
  execute_process(
    COMMAND "${pip_python}" -m pip download --quiet --disable-pip-version-check --no-binary quickfix --no-deps
            --require-hashes --dest "${QUICKFIX_CACHE}" -r "${CMAKE_BINARY_DIR}/quickfix.txt"
    RESULT_VARIABLE failed)
  quickfix_hash_holds(QUICKFIX_CACHED)
  if(NOT QUICKFIX_CACHED)
    message(FATAL_ERROR "QuickFIX ${QUICKFIX_VERSION} was not found with sha256 ${QUICKFIX_SHA256} "
                        "(pip ended with ${failed}); place its source release at ${QUICKFIX_ARCHIVE}")
  endif()
  file(REMOVE_RECURSE "${QUICKFIX_SOURCE}")
endif()
if(NOT EXISTS "${QUICKFIX_SOURCE}/C++/Session.cpp")
  file(ARCHIVE_EXTRACT INPUT "${QUICKFIX_ARCHIVE}" DESTINATION "${QUICKFIX_CACHE}"
       PATTERNS "quickfix-${QUICKFIX_VERSION}/C++/*" "quickfix-${QUICKFIX_VERSION}/LICENSE" "quickfix-${QUICKFIX_VERSION}/spec/*")
endif()

# A copy of one of QuickFIX's files in which `from` is `to`; that it says otherwise than when it was read ends the build.
function(quickfix_change file from to)
  if(NOT DEFINED QUICKFIX_TEXT_${file})
    file(READ "${QUICKFIX_SOURCE}/C++/${file}" QUICKFIX_TEXT_${file})
  endif()
  string(FIND "${QUICKFIX_TEXT_${file}}" "${from}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "${file} of QuickFIX ${QUICKFIX_VERSION} is not the one that was read: ${from}")
  endif()
  string(REPLACE "${from}" "${to}" text "${QUICKFIX_TEXT_${file}}")
  set(QUICKFIX_TEXT_${file} "${text}" PARENT_SCOPE)
endfunction()

# The end of a data field is computed from its length field without a bound, so that `95=99999999|96=x|` makes QuickFIX
# read (and crash) far outside of the message. The end has to lie inside of the message and at a separator.
quickfix_change(Message.cpp
  "soh = valueStart + IntConvertor::convert(fieldLength.getString());"
  "const int dataLength = IntConvertor::convert(fieldLength.getString());
      if (dataLength < 0 || dataLength >= strEnd - valueStart || valueStart[dataLength] != '\\001') {
        throw InvalidMessage(\"Data field does not end where its length field says\");
      }
      soh = valueStart + dataLength;")
# A tag with zeros before it is the same tag for QuickFIX and another one for whoever reads the text (the gate, the peer's
# own records): FIX writes tags without them.
quickfix_change(Message.cpp
  "if (!IntConvertor::convert(tagStart, equalSign, field)) {"
  "if (*tagStart == '0' || !IntConvertor::convert(tagStart, equalSign, field)) {")
# A dictionary computes the order of a group's fields at its first use, without a lock; ours are shared by IO threads.
quickfix_change(DataDictionary.cpp "#include <fstream>" "#include <fstream>\n#include <mutex>")
quickfix_change(DataDictionary.cpp
  "message_order const &DataDictionary::getOrderedFields() const {"
  "message_order const &DataDictionary::getOrderedFields() const {
  static std::mutex firstUse;
  const std::lock_guard<std::mutex> lock(firstUse);")
foreach(file Message.cpp DataDictionary.cpp)
  file(GENERATE OUTPUT "${CMAKE_BINARY_DIR}/quickfix/${file}" CONTENT "${QUICKFIX_TEXT_${file}}")
endforeach()

set(Q "${QUICKFIX_SOURCE}/C++")
add_library(quickfix_session STATIC
  "${CMAKE_BINARY_DIR}/quickfix/Message.cpp" "${CMAKE_BINARY_DIR}/quickfix/DataDictionary.cpp"
  "${Q}/DataDictionaryProvider.cpp" "${Q}/FieldConvertors.cpp" "${Q}/FieldMap.cpp"
  "${Q}/FieldTypes.cpp" "${Q}/Group.cpp" "${Q}/MessageSorters.cpp" "${Q}/PUGIXML_DOMDocument.cpp" "${Q}/Session.cpp"
  "${Q}/TimeRange.cpp" "${Q}/Utility.cpp" "${Q}/pugixml.cpp")
target_include_directories(quickfix_session SYSTEM PUBLIC "${Q}")
target_compile_options(quickfix_session PRIVATE -w)
