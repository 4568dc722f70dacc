// The attributes of TLS handshakes, whether TCP or QUIC carries them.
#pragma once

#include "record/field.h"

namespace weir {

inline constexpr Field kTlsServerName{"tls.client.server_name", FieldType::kText};
inline constexpr Field kTlsJa3{"tls.client.ja3", FieldType::kText};
inline constexpr Field kTlsOfferedAlpn{"weir.tls.client.alpn", FieldType::kTextList};
inline constexpr Field kTlsOfferedVersions{"weir.tls.client.versions", FieldType::kTextList};
inline constexpr Field kTlsEch{"weir.tls.client.ech", FieldType::kBool};
inline constexpr Field kTlsName{"tls.protocol.name", FieldType::kText};
inline constexpr Field kTlsVersion{"tls.protocol.version", FieldType::kText};
inline constexpr Field kTlsCipher{"tls.cipher", FieldType::kText};
inline constexpr Field kTlsNextProtocol{"tls.next_protocol", FieldType::kText};
inline constexpr Field kTlsResumed{"tls.resumed", FieldType::kBool};
inline constexpr Field kTlsHelloRetry{"weir.tls.hello_retry", FieldType::kBool};
inline constexpr Field kTlsAlert{"weir.tls.alert", FieldType::kText};
inline constexpr Field kTlsAlertLevel{"weir.tls.alert.level", FieldType::kText};
inline constexpr Field kTlsAlertSender{"weir.tls.alert.sender", FieldType::kText};
inline constexpr Field kTlsErrorType{"error.type", FieldType::kText};
inline constexpr Field kQuicVersion{"weir.quic.version", FieldType::kText};
inline constexpr Field kQuicRetry{"weir.quic.retry", FieldType::kBool};
inline constexpr Field kQuicServerVersions{"weir.quic.server.versions", FieldType::kTextList};

inline constexpr const Field* kTlsFields[] = {
    &kTlsServerName, &kTlsJa3,     &kTlsOfferedAlpn, &kTlsOfferedVersions, &kTlsEch,
    &kTlsName,       &kTlsVersion, &kTlsCipher,      &kTlsNextProtocol,    &kTlsResumed,
    &kTlsHelloRetry, &kTlsAlert,   &kTlsAlertLevel,  &kTlsAlertSender,     &kTlsErrorType};
inline constexpr const Field* kQuicFields[] = {&kTlsServerName,
                                               &kTlsJa3,
                                               &kTlsOfferedAlpn,
                                               &kTlsOfferedVersions,
                                               &kTlsEch,
                                               &kTlsName,
                                               &kTlsVersion,
                                               &kTlsCipher,
                                               &kTlsNextProtocol,
                                               &kTlsResumed,
                                               &kTlsHelloRetry,
                                               &kTlsAlert,
                                               &kTlsAlertSender,
                                               &kTlsErrorType,
                                               &kQuicVersion,
                                               &kQuicRetry,
                                               &kQuicServerVersions};

inline constexpr const Field* kTlsAsked[] = {&kTlsServerName};
inline constexpr const Field* kTlsAnswered[] = {&kTlsErrorType, &kTlsVersion};
inline constexpr const Field* kTlsLabels[] = {&kTlsVersion};

}  // namespace weir
