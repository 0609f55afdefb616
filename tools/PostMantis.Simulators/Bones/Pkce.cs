using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace PostMantis.Simulators.Bones;

/// <summary>Proof that who asks for the token is who asked for the code.</summary>
internal static class Pkce
{
    public static bool Fits(Code code, string? verifier)
    {
        if (code.Challenge is null) return true;
        if (verifier is not { Length: >= 43 and <= 128 }) return false;
        return code.Challenge == code.ChallengeMethod switch
        {
            "plain" => verifier,
            "hex" => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))),
            _ => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))),
        };
    }
}
