#include "operator/pod_wire.h"

#include <array>

namespace sluice::op {
namespace {

using Kind = kube::ProtobufField::Kind;
using Field = kube::ProtobufField;

constexpr std::array<Field, 1> kLocalObjectReferenceFields{{{1, "name", Kind::kText}}};
constexpr kube::ProtobufMessage kLocalObjectReference{kLocalObjectReferenceFields};
constexpr std::array<Field, 3> kKeyToPathFields{
    {{1, "key", Kind::kText}, {2, "path", Kind::kText}, {3, "mode", Kind::kInteger32}}};
constexpr kube::ProtobufMessage kKeyToPath{kKeyToPathFields};
constexpr std::array<Field, 2> kObjectFieldSelectorFields{
    {{1, "apiVersion", Kind::kText}, {2, "fieldPath", Kind::kText}}};
constexpr kube::ProtobufMessage kObjectFieldSelector{kObjectFieldSelectorFields};
constexpr std::array<Field, 3> kResourceFieldSelectorFields{
    {{1, "containerName", Kind::kText}, {2, "resource", Kind::kText}, {3, "divisor", Kind::kQuantity}}};
constexpr kube::ProtobufMessage kResourceFieldSelector{kResourceFieldSelectorFields};
constexpr std::array<Field, 3> kKeySelectorFields{
    {{1, "", Kind::kInlined, &kLocalObjectReference}, {2, "key", Kind::kText}, {3, "optional", Kind::kBool}}};
constexpr kube::ProtobufMessage kKeySelector{kKeySelectorFields};
constexpr std::array<Field, 4> kEnvVarSourceFields{{{1, "fieldRef", Kind::kMessage, &kObjectFieldSelector},
                                                    {2, "resourceFieldRef", Kind::kMessage, &kResourceFieldSelector},
                                                    {3, "configMapKeyRef", Kind::kMessage, &kKeySelector},
                                                    {4, "secretKeyRef", Kind::kMessage, &kKeySelector}}};
constexpr kube::ProtobufMessage kEnvVarSource{kEnvVarSourceFields};
constexpr std::array<Field, 3> kEnvVarFields{
    {{1, "name", Kind::kText}, {2, "value", Kind::kText}, {3, "valueFrom", Kind::kMessage, &kEnvVarSource}}};
constexpr kube::ProtobufMessage kEnvVar{kEnvVarFields};
constexpr std::array<Field, 2> kEnvSourceFields{
    {{1, "", Kind::kInlined, &kLocalObjectReference}, {2, "optional", Kind::kBool}}};
constexpr kube::ProtobufMessage kEnvSource{kEnvSourceFields};
constexpr std::array<Field, 3> kEnvFromSourceFields{{{1, "prefix", Kind::kText},
                                                     {2, "configMapRef", Kind::kMessage, &kEnvSource},
                                                     {3, "secretRef", Kind::kMessage, &kEnvSource}}};
constexpr kube::ProtobufMessage kEnvFromSource{kEnvFromSourceFields};
constexpr std::array<Field, 2> kResourcesFields{
    {{1, "limits", Kind::kQuantityMap}, {2, "requests", Kind::kQuantityMap}}};
constexpr kube::ProtobufMessage kResources{kResourcesFields};
constexpr std::array<Field, 7> kVolumeMountFields{{{1, "name", Kind::kText},
                                                   {2, "readOnly", Kind::kBool},
                                                   {3, "mountPath", Kind::kText},
                                                   {4, "subPath", Kind::kText},
                                                   {5, "mountPropagation", Kind::kText},
                                                   {6, "subPathExpr", Kind::kText},
                                                   {7, "recursiveReadOnly", Kind::kText}}};
constexpr kube::ProtobufMessage kVolumeMount{kVolumeMountFields};
constexpr std::array<Field, 2> kHttpHeaderFields{{{1, "name", Kind::kText}, {2, "value", Kind::kText}}};
constexpr kube::ProtobufMessage kHttpHeader{kHttpHeaderFields};
constexpr std::array<Field, 5> kHttpGetFields{{{1, "path", Kind::kText},
                                               {2, "port", Kind::kIntOrText},
                                               {3, "host", Kind::kText},
                                               {4, "scheme", Kind::kText},
                                               {5, "httpHeaders", Kind::kMessages, &kHttpHeader}}};
constexpr kube::ProtobufMessage kHttpGet{kHttpGetFields};
constexpr std::array<Field, 2> kTcpSocketFields{{{1, "port", Kind::kIntOrText}, {2, "host", Kind::kText}}};
constexpr kube::ProtobufMessage kTcpSocket{kTcpSocketFields};
constexpr std::array<Field, 1> kExecFields{{{1, "command", Kind::kTexts}}};
constexpr kube::ProtobufMessage kExec{kExecFields};
constexpr std::array<Field, 2> kGrpcFields{{{1, "port", Kind::kInteger32}, {2, "service", Kind::kText}}};
constexpr kube::ProtobufMessage kGrpc{kGrpcFields};
constexpr std::array<Field, 4> kProbeHandlerFields{{{1, "exec", Kind::kMessage, &kExec},
                                                    {2, "httpGet", Kind::kMessage, &kHttpGet},
                                                    {3, "tcpSocket", Kind::kMessage, &kTcpSocket},
                                                    {4, "grpc", Kind::kMessage, &kGrpc}}};
constexpr kube::ProtobufMessage kProbeHandler{kProbeHandlerFields};
constexpr std::array<Field, 7> kProbeFields{{{1, "", Kind::kInlined, &kProbeHandler},
                                             {2, "initialDelaySeconds", Kind::kInteger32},
                                             {3, "timeoutSeconds", Kind::kInteger32},
                                             {4, "periodSeconds", Kind::kInteger32},
                                             {5, "successThreshold", Kind::kInteger32},
                                             {6, "failureThreshold", Kind::kInteger32},
                                             {7, "terminationGracePeriodSeconds", Kind::kInteger64}}};
constexpr kube::ProtobufMessage kProbe{kProbeFields};
constexpr std::array<Field, 1> kSleepFields{{{1, "seconds", Kind::kInteger64}}};
constexpr kube::ProtobufMessage kSleep{kSleepFields};
constexpr std::array<Field, 4> kLifecycleHandlerFields{{{1, "exec", Kind::kMessage, &kExec},
                                                        {2, "httpGet", Kind::kMessage, &kHttpGet},
                                                        {3, "tcpSocket", Kind::kMessage, &kTcpSocket},
                                                        {4, "sleep", Kind::kMessage, &kSleep}}};
constexpr kube::ProtobufMessage kLifecycleHandler{kLifecycleHandlerFields};
constexpr std::array<Field, 3> kLifecycleFields{{{1, "postStart", Kind::kMessage, &kLifecycleHandler},
                                                 {2, "preStop", Kind::kMessage, &kLifecycleHandler},
                                                 {3, "stopSignal", Kind::kText}}};
constexpr kube::ProtobufMessage kLifecycle{kLifecycleFields};
constexpr std::array<Field, 2> kCapabilitiesFields{{{1, "add", Kind::kTexts}, {2, "drop", Kind::kTexts}}};
constexpr kube::ProtobufMessage kCapabilities{kCapabilitiesFields};
constexpr std::array<Field, 2> kProfileFields{{{1, "type", Kind::kText}, {2, "localhostProfile", Kind::kText}}};
constexpr kube::ProtobufMessage kProfile{kProfileFields};
constexpr std::array<Field, 4> kSeLinuxOptionsFields{
    {{1, "user", Kind::kText}, {2, "role", Kind::kText}, {3, "type", Kind::kText}, {4, "level", Kind::kText}}};
constexpr kube::ProtobufMessage kSeLinuxOptions{kSeLinuxOptionsFields};
constexpr std::array<Field, 11> kSecurityContextFields{{{1, "capabilities", Kind::kMessage, &kCapabilities},
                                                        {2, "privileged", Kind::kBool},
                                                        {3, "seLinuxOptions", Kind::kMessage, &kSeLinuxOptions},
                                                        {4, "runAsUser", Kind::kInteger64},
                                                        {5, "runAsNonRoot", Kind::kBool},
                                                        {6, "readOnlyRootFilesystem", Kind::kBool},
                                                        {7, "allowPrivilegeEscalation", Kind::kBool},
                                                        {8, "runAsGroup", Kind::kInteger64},
                                                        {9, "procMount", Kind::kText},
                                                        {11, "seccompProfile", Kind::kMessage, &kProfile},
                                                        {12, "appArmorProfile", Kind::kMessage, &kProfile}}};
constexpr kube::ProtobufMessage kSecurityContext{kSecurityContextFields};
constexpr std::array<Field, 5> kContainerPortFields{{{1, "name", Kind::kText},
                                                     {2, "hostPort", Kind::kInteger32},
                                                     {3, "containerPort", Kind::kInteger32},
                                                     {4, "protocol", Kind::kText},
                                                     {5, "hostIP", Kind::kText}}};
constexpr kube::ProtobufMessage kContainerPort{kContainerPortFields};
constexpr std::array<Field, 22> kContainerFields{{{1, "name", Kind::kText},
                                                  {2, "image", Kind::kText},
                                                  {3, "command", Kind::kTexts},
                                                  {4, "args", Kind::kTexts},
                                                  {5, "workingDir", Kind::kText},
                                                  {6, "ports", Kind::kMessages, &kContainerPort},
                                                  {7, "env", Kind::kMessages, &kEnvVar},
                                                  {8, "resources", Kind::kMessage, &kResources},
                                                  {9, "volumeMounts", Kind::kMessages, &kVolumeMount},
                                                  {10, "livenessProbe", Kind::kMessage, &kProbe},
                                                  {11, "readinessProbe", Kind::kMessage, &kProbe},
                                                  {12, "lifecycle", Kind::kMessage, &kLifecycle},
                                                  {13, "terminationMessagePath", Kind::kText},
                                                  {14, "imagePullPolicy", Kind::kText},
                                                  {15, "securityContext", Kind::kMessage, &kSecurityContext},
                                                  {16, "stdin", Kind::kBool},
                                                  {17, "stdinOnce", Kind::kBool},
                                                  {18, "tty", Kind::kBool},
                                                  {19, "envFrom", Kind::kMessages, &kEnvFromSource},
                                                  {20, "terminationMessagePolicy", Kind::kText},
                                                  {22, "startupProbe", Kind::kMessage, &kProbe},
                                                  {24, "restartPolicy", Kind::kText}}};
constexpr kube::ProtobufMessage kContainer{kContainerFields};
constexpr std::array<Field, 2> kHostPathFields{{{1, "path", Kind::kText}, {2, "type", Kind::kText}}};
constexpr kube::ProtobufMessage kHostPath{kHostPathFields};
constexpr std::array<Field, 2> kEmptyDirFields{{{1, "medium", Kind::kText}, {2, "sizeLimit", Kind::kQuantity}}};
constexpr kube::ProtobufMessage kEmptyDir{kEmptyDirFields};
constexpr std::array<Field, 4> kSecretVolumeFields{{{1, "secretName", Kind::kText},
                                                    {2, "items", Kind::kMessages, &kKeyToPath},
                                                    {3, "defaultMode", Kind::kInteger32},
                                                    {4, "optional", Kind::kBool}}};
constexpr kube::ProtobufMessage kSecretVolume{kSecretVolumeFields};
constexpr std::array<Field, 4> kConfigMapVolumeFields{{{1, "", Kind::kInlined, &kLocalObjectReference},
                                                       {2, "items", Kind::kMessages, &kKeyToPath},
                                                       {3, "defaultMode", Kind::kInteger32},
                                                       {4, "optional", Kind::kBool}}};
constexpr kube::ProtobufMessage kConfigMapVolume{kConfigMapVolumeFields};
constexpr std::array<Field, 2> kClaimVolumeFields{{{1, "claimName", Kind::kText}, {2, "readOnly", Kind::kBool}}};
constexpr kube::ProtobufMessage kClaimVolume{kClaimVolumeFields};
constexpr std::array<Field, 5> kVolumeSourceFields{{{1, "hostPath", Kind::kMessage, &kHostPath},
                                                    {2, "emptyDir", Kind::kMessage, &kEmptyDir},
                                                    {6, "secret", Kind::kMessage, &kSecretVolume},
                                                    {10, "persistentVolumeClaim", Kind::kMessage, &kClaimVolume},
                                                    {19, "configMap", Kind::kMessage, &kConfigMapVolume}}};
constexpr kube::ProtobufMessage kVolumeSource{kVolumeSourceFields};
constexpr std::array<Field, 2> kVolumeFields{{{1, "name", Kind::kText}, {2, "", Kind::kInlined, &kVolumeSource}}};
constexpr kube::ProtobufMessage kVolume{kVolumeFields};
constexpr std::array<Field, 2> kSysctlFields{{{1, "name", Kind::kText}, {2, "value", Kind::kText}}};
constexpr kube::ProtobufMessage kSysctl{kSysctlFields};
constexpr std::array<Field, 10> kPodSecurityContextFields{{{1, "seLinuxOptions", Kind::kMessage, &kSeLinuxOptions},
                                                           {2, "runAsUser", Kind::kInteger64},
                                                           {3, "runAsNonRoot", Kind::kBool},
                                                           {5, "fsGroup", Kind::kInteger64},
                                                           {6, "runAsGroup", Kind::kInteger64},
                                                           {7, "sysctls", Kind::kMessages, &kSysctl},
                                                           {9, "fsGroupChangePolicy", Kind::kText},
                                                           {10, "seccompProfile", Kind::kMessage, &kProfile},
                                                           {11, "appArmorProfile", Kind::kMessage, &kProfile},
                                                           {12, "supplementalGroupsPolicy", Kind::kText}}};
constexpr kube::ProtobufMessage kPodSecurityContext{kPodSecurityContextFields};
constexpr std::array<Field, 5> kTolerationFields{{{1, "key", Kind::kText},
                                                  {2, "operator", Kind::kText},
                                                  {3, "value", Kind::kText},
                                                  {4, "effect", Kind::kText},
                                                  {5, "tolerationSeconds", Kind::kInteger64}}};
constexpr kube::ProtobufMessage kToleration{kTolerationFields};
constexpr std::array<Field, 3> kRequirementFields{
    {{1, "key", Kind::kText}, {2, "operator", Kind::kText}, {3, "values", Kind::kTexts}}};
constexpr kube::ProtobufMessage kRequirement{kRequirementFields};
constexpr std::array<Field, 2> kLabelSelectorFields{
    {{1, "matchLabels", Kind::kTextMap}, {2, "matchExpressions", Kind::kMessages, &kRequirement}}};
constexpr kube::ProtobufMessage kLabelSelector{kLabelSelectorFields};
constexpr std::array<Field, 8> kSpreadConstraintFields{{{1, "maxSkew", Kind::kInteger32},
                                                        {2, "topologyKey", Kind::kText},
                                                        {3, "whenUnsatisfiable", Kind::kText},
                                                        {4, "labelSelector", Kind::kMessage, &kLabelSelector},
                                                        {5, "minDomains", Kind::kInteger32},
                                                        {6, "nodeAffinityPolicy", Kind::kText},
                                                        {7, "nodeTaintsPolicy", Kind::kText},
                                                        {8, "matchLabelKeys", Kind::kTexts}}};
constexpr kube::ProtobufMessage kSpreadConstraint{kSpreadConstraintFields};
constexpr std::array<Field, 2> kNodeSelectorTermFields{
    {{1, "matchExpressions", Kind::kMessages, &kRequirement}, {2, "matchFields", Kind::kMessages, &kRequirement}}};
constexpr kube::ProtobufMessage kNodeSelectorTerm{kNodeSelectorTermFields};
constexpr std::array<Field, 1> kNodeSelectorFields{{{1, "nodeSelectorTerms", Kind::kMessages, &kNodeSelectorTerm}}};
constexpr kube::ProtobufMessage kNodeSelector{kNodeSelectorFields};
constexpr std::array<Field, 2> kPreferredTermFields{
    {{1, "weight", Kind::kInteger32}, {2, "preference", Kind::kMessage, &kNodeSelectorTerm}}};
constexpr kube::ProtobufMessage kPreferredTerm{kPreferredTermFields};
constexpr std::array<Field, 2> kNodeAffinityFields{
    {{1, "requiredDuringSchedulingIgnoredDuringExecution", Kind::kMessage, &kNodeSelector},
     {2, "preferredDuringSchedulingIgnoredDuringExecution", Kind::kMessages, &kPreferredTerm}}};
constexpr kube::ProtobufMessage kNodeAffinity{kNodeAffinityFields};
constexpr std::array<Field, 6> kPodAffinityTermFields{{{1, "labelSelector", Kind::kMessage, &kLabelSelector},
                                                       {2, "namespaces", Kind::kTexts},
                                                       {3, "topologyKey", Kind::kText},
                                                       {4, "namespaceSelector", Kind::kMessage, &kLabelSelector},
                                                       {5, "matchLabelKeys", Kind::kTexts},
                                                       {6, "mismatchLabelKeys", Kind::kTexts}}};
constexpr kube::ProtobufMessage kPodAffinityTerm{kPodAffinityTermFields};
constexpr std::array<Field, 2> kWeightedTermFields{
    {{1, "weight", Kind::kInteger32}, {2, "podAffinityTerm", Kind::kMessage, &kPodAffinityTerm}}};
constexpr kube::ProtobufMessage kWeightedTerm{kWeightedTermFields};
constexpr std::array<Field, 2> kPodAffinityFields{
    {{1, "requiredDuringSchedulingIgnoredDuringExecution", Kind::kMessages, &kPodAffinityTerm},
     {2, "preferredDuringSchedulingIgnoredDuringExecution", Kind::kMessages, &kWeightedTerm}}};
constexpr kube::ProtobufMessage kPodAffinity{kPodAffinityFields};
constexpr std::array<Field, 3> kAffinityFields{{{1, "nodeAffinity", Kind::kMessage, &kNodeAffinity},
                                                {2, "podAffinity", Kind::kMessage, &kPodAffinity},
                                                {3, "podAntiAffinity", Kind::kMessage, &kPodAffinity}}};
constexpr kube::ProtobufMessage kAffinity{kAffinityFields};
constexpr std::array<Field, 1> kReadinessGateFields{{{1, "conditionType", Kind::kText}}};
constexpr kube::ProtobufMessage kReadinessGate{kReadinessGateFields};
constexpr std::array<Field, 2> kEvictionResponderFields{{{1, "name", Kind::kText}, {2, "priority", Kind::kInteger32}}};
constexpr kube::ProtobufMessage kEvictionResponder{kEvictionResponderFields};
constexpr std::array<Field, 33> kPodSpecFields{{{1, "volumes", Kind::kMessages, &kVolume},
                                                {2, "containers", Kind::kMessages, &kContainer},
                                                {3, "restartPolicy", Kind::kText},
                                                {4, "terminationGracePeriodSeconds", Kind::kInteger64},
                                                {5, "activeDeadlineSeconds", Kind::kInteger64},
                                                {6, "dnsPolicy", Kind::kText},
                                                {7, "nodeSelector", Kind::kTextMap},
                                                {8, "serviceAccountName", Kind::kText},
                                                {9, "serviceAccount", Kind::kText},
                                                {10, "nodeName", Kind::kText},
                                                {11, "hostNetwork", Kind::kBool},
                                                {12, "hostPID", Kind::kBool},
                                                {13, "hostIPC", Kind::kBool},
                                                {14, "securityContext", Kind::kMessage, &kPodSecurityContext},
                                                {15, "imagePullSecrets", Kind::kMessages, &kLocalObjectReference},
                                                {16, "hostname", Kind::kText},
                                                {17, "subdomain", Kind::kText},
                                                {18, "affinity", Kind::kMessage, &kAffinity},
                                                {19, "schedulerName", Kind::kText},
                                                {20, "initContainers", Kind::kMessages, &kContainer},
                                                {21, "automountServiceAccountToken", Kind::kBool},
                                                {22, "tolerations", Kind::kMessages, &kToleration},
                                                {24, "priorityClassName", Kind::kText},
                                                {25, "priority", Kind::kInteger32},
                                                {27, "shareProcessNamespace", Kind::kBool},
                                                {28, "readinessGates", Kind::kMessages, &kReadinessGate},
                                                {29, "runtimeClassName", Kind::kText},
                                                {30, "enableServiceLinks", Kind::kBool},
                                                {31, "preemptionPolicy", Kind::kText},
                                                {33, "topologySpreadConstraints", Kind::kMessages, &kSpreadConstraint},
                                                {35, "setHostnameAsFQDN", Kind::kBool},
                                                {37, "hostUsers", Kind::kBool},
                                                {44, "evictionResponders", Kind::kMessages, &kEvictionResponder}}};
constexpr kube::ProtobufMessage kPodSpec{kPodSpecFields};
constexpr std::array<Field, 2> kPodFields{
    {{1, "metadata", Kind::kMessage, &kube::kObjectMeta}, {2, "spec", Kind::kMessage, &kPodSpec}}};

}  // namespace

const kube::ProtobufMessage kCreatedPod{kPodFields};

}  // namespace sluice::op
